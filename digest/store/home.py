"""Whether a store is at home: a copy must not mail the readers whom the real one mails.

Installation.home notes where the store was last at work: the number of its file (inode), its path, the machine, and a
generation.  The same generation stands in a witness beside the store, ``digest.db-home``.

=========  =====  =================  ========  =====================================================================
inode      path   machine            at home   what has happened
=========  =====  =================  ========  =====================================================================
the same   same   any                yes       nothing; a reboot; a container made anew on the same volume
the same   other  same, or unknown   yes       the folder was renamed, or is mounted elsewhere
the same   other  other              no        copied to another machine, and the numbers agree by chance
other      same   same               yes       the file was made anew in its place (how old it is, the generation tells)
other      same   other, or unknown  no        copied to another machine that calls the folder the same
other      other  any                no        copied
=========  =====  =================  ========  =====================================================================

The machine is unknown where it has no id, and in a container: its id would be the image's, the same in every copy.

An old copy that is put back over the store has its place.  Therefore each run that mails writes a fresh generation,
into the store first, then into the witness; ``earlier`` is what the witness held, lest a crash comes between the two.
A store is of today if the witness holds its generation or that.  A witness that is not there counts as the empty word,
and so does the generation of a store that has never mailed.
"""

import contextlib
import datetime as dt
import hmac
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, column, func, insert, select, table, update
from sqlalchemy.exc import DBAPIError

from digest.errors import HeldError, StoreError
from digest.store.durable import write_whole
from digest.store.engine import WRITE, as_store_error, make_engine
from digest.store.store import Store
from digest.store.tables import EDITION, INSTALLATION, NOTICE, SUBSCRIBER

STEP = 100_000  #: numbers passed over by an adoption; more than were given out since any copy was taken
NUMBERED = (EDITION, SUBSCRIBER, NOTICE)  #: their numbers stand in links and Message-IDs
SEQUENCE = table("sqlite_sequence", column("name"), column("seq"))
MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
MOUNTS = Path("/proc/self/mounts")
SALT = b"digest: which machine a store is on"  #: machine-id(5) asks not to show the id itself


class NotAdopted(HeldError):
    """The store seems to be a copy of one that may be mailing elsewhere."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path.name} is not at home here: {why}; nothing was sent, so that no reader hears from two stores; "
            "see that the other one sends no more, then: digest db adopt"
        )
        self.path = path
        self.why = why


@dataclass(frozen=True)
class Place:
    """Where a store's file is."""

    inode: int
    path: str
    machine: str  #: empty where it is not known


def require_home(store: Store) -> None:
    """Raise NotAdopted unless the store is at home; one that has never been at work takes this place at once."""
    if _noted(store) is None and not witness(store.path):
        here = {**asdict(place_of(store.path)), "generation": "", "earlier": ""}
        store.write(lambda c: _note(c, here) if _home(c) is None else None).result()
    why = why_away(store)
    if why is not None:
        raise NotAdopted(store.path, why)


def why_away(store: Store) -> str | None:
    """Return why a store is not at home, in words; None when it is, or has never been at work."""
    home, held = _noted(store), witness(store.path)
    if home is None:
        return (
            f"it has never been at work, but {witness_file(store.path).name} says that another one has"
            if held
            else None
        )
    if "restored" in home:
        return f"it was restored from {home['restored']}"
    try:
        noted = Place(int(home["inode"]), str(home["path"]), str(home["machine"]))
        known = (str(home["generation"]), str(home["earlier"]))
    except (KeyError, TypeError, ValueError):
        return "what it notes of its place cannot be read"
    here = place_of(store.path)
    if not is_same(noted, here):
        return _moved(noted, here)
    if held not in known:
        name = witness_file(store.path).name
        return f"it is an older copy, for {name} says that it has been at work since" if held else f"{name} is missing"
    return None


def begin_generation(store: Store) -> None:
    """Note that a run mails from here; only under the lock of sending. NotAdopted when the store is not at home."""
    require_home(store)
    _settle(store)


def adopt(store: Store, now: dt.datetime) -> None:
    """Let a store be at home here; numbers that another copy may have given out since are passed over."""
    _settle(store, since=now)


def mark_restored(path: Path, words: str) -> None:
    """Note in a store of the newest version, which nobody has open, that it came out of a backup.

    Numbers are passed over at once: a list that is brought in before the adoption gives some to its people.
    """
    engine = make_engine(path, WRITE)
    try:
        with engine.begin() as connection:
            for numbered in NUMBERED:
                _pass_over(connection, numbered)
            _note(connection, {"restored": words})
    except DBAPIError as error:
        raise as_store_error(error, path) from error
    finally:
        engine.dispose()


def is_same(noted: Place, here: Place) -> bool:
    """Return whether a store that was at work in one place is at home in another: the table above."""
    known = bool(noted.machine and here.machine)
    if noted.inode == here.inode:
        return noted.path == here.path or not known or noted.machine == here.machine
    return noted.path == here.path and known and noted.machine == here.machine


def place_of(path: Path) -> Place:
    """Return where a store's file is."""
    real = path.resolve()
    try:
        return Place(real.stat().st_ino, str(real), _machine())
    except OSError as error:
        raise StoreError(f"the store {path} cannot be found any more: {error.strerror}") from error


def witness_file(path: Path) -> Path:
    """Return the file beside a store that holds its generation too."""
    return path.with_name(path.name + "-home")


def witness(path: Path) -> str:
    """Return the generation that stands beside a store; empty when there is none."""
    file = witness_file(path)
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}; look at its permissions") from error


def _settle(store: Store, since: dt.datetime | None = None) -> None:
    """Write this place and a fresh generation, into the store and then beside it; ``since`` makes it an adoption."""
    fresh, held = secrets.token_hex(8), witness(store.path)
    here: dict[str, Any] = {**asdict(place_of(store.path)), "generation": fresh, "earlier": held}

    def change(connection: Connection) -> None:
        if since is not None:
            here["since"] = since.isoformat(timespec="seconds")
            for numbered in NUMBERED:
                _pass_over(connection, numbered)
        elif (home := _home(connection)) is not None and "since" in home:
            here["since"] = home["since"]
        _note(connection, here)

    store.write(change).result()
    file = witness_file(store.path)
    try:
        write_whole(file, f"{fresh}\n")
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}; look at its folder's permissions") from error


def _pass_over(connection: Connection, numbered: Table) -> None:
    """Let a table's next number be one that no copy can have given out."""
    here = SEQUENCE.c.name == numbered.name
    last = connection.execute(select(func.max(SEQUENCE.c.seq)).where(here)).scalar() or 0
    highest = connection.execute(select(func.max(numbered.c.id))).scalar() or 0
    value = max(last, highest) + STEP
    if not connection.execute(update(SEQUENCE).where(here).values(seq=value)).rowcount:
        connection.execute(insert(SEQUENCE).values(name=numbered.name, seq=value))


def _moved(noted: Place, here: Place) -> str:
    if noted.machine and here.machine and noted.machine != here.machine:
        return f"it was at work on another machine, as {noted.path}"
    if noted.path != here.path:
        return f"it was at work as {noted.path}"
    return "its file is another one than was at work here, and whether the machine is the same is not known"


def _machine() -> str:
    """Return a word for this machine; empty where it has no id of its own."""
    if _in_container():
        return ""
    for file in MACHINE_IDS:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if identity := file.read_text(encoding="ascii").strip():
                return hmac.new(SALT, identity.encode(), "sha256").hexdigest()[:16]
    return ""


def _in_container() -> bool:
    """Return whether the root is an image's: laid over it, as containers have theirs."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        mounts = [line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines()]
        return any(mount[1:3] == ["/", "overlay"] for mount in mounts)
    return False


def _noted(store: Store) -> dict[str, Any] | None:
    return store.read(_home)


def _home(connection: Connection) -> dict[str, Any] | None:
    home: dict[str, Any] | None = connection.execute(select(INSTALLATION.c.home)).scalar_one()
    return home


def _note(connection: Connection, home: dict[str, Any]) -> None:
    connection.execute(update(INSTALLATION).values(home=home))
