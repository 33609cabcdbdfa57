"""What must hold after every fault, found by comparing the ledger with what the relay has durably taken.

I1 nobody lost; I2 one copy each, two at most for those who were named in doubt first; I3 a kill leaves no more doubts
than it had connections; I4 all copies of a letter have the same bytes; I5 nothing is left open; I6 who left before
the mark gets nothing; I7 exit code and report agree with the ledger; I8 a further send sends nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from email import message_from_bytes

from digest.demo.smtpd import Received
from tests.commands import Ended

SETTLED = {"sent", "failed", "withdrawn", "skipped", "cancelled", "expired", "in_doubt"}
COUNTED = (*sorted(SETTLED), "deferred", "pending", "sending")


@dataclass(frozen=True)
class Kill:
    """What a kill left, looked at before anything was settled."""

    connections: int  #: at most so many were open
    doubts: frozenset[str] = frozenset()  #: whom ``digest editions doubts`` named


@dataclass(frozen=True)
class Row:
    """One reader's row of the ledger."""

    state: str
    closed: bool = False


@dataclass(frozen=True)
class Evidence:
    """All there is to judge by, after the last run that had something to do and one more."""

    readers: frozenset[str]  #: who was to be mailed when the edition was frozen
    ledger: Mapping[str, Row]
    mails: Sequence[Received]  #: what the relay took, readers' letters only
    last: Ended  #: the run that finished it
    again: Ended  #: one more
    kills: Sequence[Kill] = ()
    unanswered: frozenset[str] = frozenset()  #: whose answer the relay withheld, as the ledger noted it in that run
    gone: frozenset[str] = frozenset()  #: who left before their mark

    @property
    def named(self) -> frozenset[str]:
        """Who was named in doubt before it was settled."""
        return self.unanswered.union(*(kill.doubts for kill in self.kills))

    @property
    def copies(self) -> Counter[str]:
        return Counter(mail.recipient for mail in self.mails)

    @property
    def lost(self) -> set[str]:
        """Who was neither mailed nor named in doubt, and neither left nor was refused."""
        excused = {"failed", "withdrawn", "skipped", "cancelled", "expired"}
        wanted = {who for who in self.readers if self.ledger.get(who, Row("none")).state not in excused}
        return wanted - set(self.copies) - self._closed_doubts

    @property
    def doubled(self) -> set[str]:
        return {who for who, count in self.copies.items() if count > 1}

    @property
    def _closed_doubts(self) -> set[str]:
        return {who for who, row in self.ledger.items() if row.state == "in_doubt" and row.closed and who in self.named}


@dataclass
class Tally:
    """What many rounds come to."""

    rounds: int = 0
    kills: int = 0
    readers: int = 0
    lost: int = 0
    doubles: int = 0
    doubts: int = 0
    unnamed: int = 0  #: doubles of readers whom nobody had named
    broken: list[str] = field(default_factory=list)

    def add(self, what: str, evidence: Evidence) -> None:
        """Count a round in, and note which of its invariants are broken."""
        self.rounds += 1
        self.kills += len(evidence.kills)
        self.readers += len(evidence.readers)
        self.lost += len(evidence.lost)
        self.doubles += len(evidence.doubled)
        self.doubts += sum(len(kill.doubts) for kill in evidence.kills)
        self.unnamed += len(evidence.doubled - evidence.named)
        self.broken += [f"{what}: {words}" for words in invariants(evidence)]

    def with_(self, other: "Tally") -> "Tally":
        """Return the sum of two."""
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def invariants(evidence: Evidence) -> list[str]:
    """Return what is broken, in words; nothing when all is well."""
    return [
        *_found("I1: lost", evidence.lost),
        *_found("I1: not in the ledger", evidence.readers - set(evidence.ledger)),
        *_found("I1: mailed and no reader", set(evidence.copies) - evidence.readers),
        *_copies(evidence),
        *_bytes(evidence.mails),
        *_found("I5: left open", (who for who, row in evidence.ledger.items() if not _is_settled(row))),
        *_found("I6: mailed after they had left", evidence.gone & set(evidence.copies)),
        *_reports(evidence),
        *_further(evidence.again),
    ]


def _copies(evidence: Evidence) -> Iterable[str]:
    yield from _found("I2: doubled and never named in doubt", evidence.doubled - evidence.named)
    yield from _found("I2: three copies or more", (who for who, count in evidence.copies.items() if count > 2))
    for kill in evidence.kills:
        if len(kill.doubts) > kill.connections:
            yield f"I3: {len(kill.doubts)} doubts after a kill with {kill.connections} connections"


def _bytes(mails: Sequence[Received]) -> Iterable[str]:
    contents: dict[str, set[bytes]] = defaultdict(set)
    for mail in mails:
        contents[mail.recipient].add(mail.content)
    yield from _found("I4: copies differ", (who for who, found in contents.items() if len(found) > 1))
    ids = {who: message_from_bytes(next(iter(found)))["Message-ID"] for who, found in contents.items()}
    if len(set(ids.values())) != len(ids) or not all(ids.values()):
        yield "I4: letters of several readers have one Message-ID"


def _is_settled(row: Row) -> bool:
    return row.state in SETTLED and (row.state != "in_doubt" or row.closed)


def _reports(evidence: Evidence) -> Iterable[str]:
    counted = Counter(row.state for row in evidence.ledger.values())
    report = evidence.last.json
    for state in COUNTED:
        if report[state] != counted[state]:
            yield f"I7: the report says {report[state]} {state}, the ledger {counted[state]}"
    if report["audience"] != len(evidence.ledger):
        yield f"I7: the report says {report['audience']} readers, the ledger {len(evidence.ledger)}"
    if (evidence.last.code, report["state"]) != (0, "sent"):
        yield f"I7: exit {evidence.last.code}, {report['state']}: {evidence.last.err.strip()}"
    untaken = {who for who, row in evidence.ledger.items() if row.state == "sent"} - set(evidence.copies)
    yield from _found("I7: the ledger says sent, the relay has nothing", untaken)
    refused = {who for who, row in evidence.ledger.items() if row.state not in ("sent", "in_doubt")}
    mailed = (refused & set(evidence.copies)) - evidence.named
    yield from _found("I7: the relay has it, the ledger does not say so", mailed)


def _further(again: Ended) -> Iterable[str]:
    if again.code != 0 or again.json["now"]["sent"] != 0:
        yield f"I8: a further send exits {again.code} and sends {again.json.get('now')}"


def _found(what: str, who: Iterable[str]) -> Iterable[str]:
    if names := sorted(who):
        yield f"{what}: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
