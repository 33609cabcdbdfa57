"""``digest db check``: whether a store is whole, and whether what it says of editions, letters and articles adds up."""

from dataclasses import dataclass
from pathlib import Path

from digest.delivery import emergency
from digest.errors import ConfigError, StoreError, StoreMissing
from digest.store import health
from digest.store.health import Trouble
from digest.store.lock import is_held, send_lock
from digest.store.upgrade import check_version, version_of, versions

RESTORE = "digest db restore BACKUP --replace, then digest db adopt; the file from before is kept aside"
#: What it means that something does not hold, and what to do.
RULES = {
    "references": ("{where}: {rows} leading nowhere", RESTORE),
    "audience": ("{where}: its letters and its audience differ by {count}", RESTORE),
    "letters": ("{where}: it is frozen and has no letters", RESTORE),
    "letter": ("{where}: another edition's letter stands for {readers}", "digest editions pause {where}"),
    "finished": ("{where}: it has ended with {letters} open", "digest editions retry {where}"),
    "cancelled": (
        "{where}: it is cancelled with {letters} open",
        "digest editions show {where} --deliveries",
    ),
    "bound": ("{articles} bound to an edition of another newsletter, or to none", "digest editions audit"),
}
#: What deserves a word, and is nothing wrong.
NOTES = {
    "sending": ("{where}: {letters} marked as going out, and nobody is sending", "digest send"),
    "cut_off": ("{where}: {letters} marked as going out when it was cancelled", "digest editions cancel {where}"),
    "unplaced": ("{articles} placed nowhere", "digest editions audit"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found, and what to do; a note is nothing that is wrong."""

    rule: str
    message: str
    do: str
    is_note: bool = False


def examine(database: Path) -> list[Finding]:
    """Return what is wrong with a store, and what deserves a note; it is only read. StoreMissing when there is none."""
    if not database.exists():
        raise StoreMissing(str(database))
    try:
        version = version_of(database)
        check_version(database, version, versions())
    except ConfigError as error:
        return [Finding("store", str(error), RESTORE)]
    except StoreError as error:
        return [Finding("store", str(error), "run this again when it is free")]
    try:
        damage = [Finding("integrity", words, RESTORE) for words in health.damage(database)]
        return damage or [*_judged(health.troubles(database), is_sending(database)), *_emergency(database)]
    except StoreError as error:
        return [Finding("integrity", str(error), RESTORE)]


def _emergency(database: Path) -> list[Finding]:
    """Return a note when outcomes wait that the store could not take; a finding when nobody can read them."""
    try:
        kept = emergency.waiting(database)
    except StoreError as error:
        return [Finding("emergency", str(error), "see to that file, then digest send")]
    path = emergency.journal_file(database)
    words = f"what came of {counted(len(kept))['letters']} waits in {path.name}, for the store could not take it"
    return [Finding("emergency", words, "digest send", is_note=True)] if kept else []


def is_sending(database: Path) -> bool:
    """Return whether a process is sending from a store."""
    return is_held(send_lock(database))


def _judged(troubles: list[Trouble], sending: bool) -> list[Finding]:
    found = []
    for trouble in troubles:
        is_note = trouble.rule in NOTES
        message, do = (NOTES if is_note else RULES)[trouble.rule]
        if not (sending and trouble.rule in ("sending", "cut_off")):
            words = {"where": trouble.where, **counted(trouble.count)}
            found.append(Finding(trouble.rule, message.format(**words), do.format(**words), is_note))
    return sorted(found, key=lambda one: one.is_note)


def counted(count: int) -> dict[str, str]:
    """Return a number alone, and with each noun that it is said with."""
    nouns = {
        f"{noun}s": f"{count:,} {noun}" + ("" if count == 1 else "s") for noun in ("article", "letter", "reader", "row")
    }
    return {"count": f"{count:,}", **nouns}
