"""What a list's file and the list differ in: values, and how rows are counted. Decides only."""

from dataclasses import dataclass, field

from digest.models import SubscriptionState
from digest.people.imports import Problem, Repeated
from digest.store.subscriptions import Enrolled


@dataclass(frozen=True)
class Named:
    """Somebody whose row is not done as it says: the line it begins on, and their address."""

    line: int
    address: str


@dataclass
class Difference:
    """What a sync of one list comes to: a number or a name for every row, then who goes."""

    list_name: str
    file: str
    joined: int = 0
    returned: int = 0  #: their row had vanished, and is back
    confirmed: int = 0  #: were unconfirmed before
    updated: int = 0
    unchanged: int = 0
    left: list[Named] = field(default_factory=list)
    suppressed: list[Named] = field(default_factory=list)
    removed_by_hand: list[Named] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    removed: int = 0
    vanished: list[str] = field(default_factory=list)  #: addresses whose rows are gone
    waiting: int = 0  #: of them, while a row that cannot be read may be theirs
    unconfirmed: int = 0  #: join, and get no letters, since the list states no consent
    held: str | None = None  #: why nothing was changed
    open_by: str | None = None  #: who has the file open

    @property
    def found(self) -> int:
        """How many rows the file has."""
        named = len(self.left) + len(self.suppressed) + len(self.removed_by_hand) + len(self.problems)
        return self.joined + self.returned + self.confirmed + self.updated + self.unchanged + named

    @property
    def is_change(self) -> bool:
        """Whether somebody's standing or data changes by it."""
        return bool(self.joined or self.returned or self.confirmed or self.updated or self.removed)

    @property
    def exit_code(self) -> int:
        """The contract's code for it."""
        return 6 if self.held is not None else 3 if self.problems else 0


def unread(difference: Difference) -> list[Problem]:
    """Return the rows that cannot be read; one whose address stands further up is nobody's loss."""
    return [problem for problem in difference.problems if not isinstance(problem, Repeated)]


def count(difference: Difference, line: int, address: str, one: Enrolled) -> str:
    """Count what becomes of a row, and return the word for it where somebody's standing or data changes."""
    if one.suppressed:
        difference.suppressed.append(Named(line, address))
    elif one.after is SubscriptionState.UNSUBSCRIBED:
        difference.left.append(Named(line, address))
    elif one.after is SubscriptionState.REMOVED:
        difference.removed_by_hand.append(Named(line, address))
    elif one.before is not one.after:
        difference.unconfirmed += one.after is SubscriptionState.UNCONFIRMED
        match one.before:
            case None:
                difference.joined += 1
                return "joins"
            case SubscriptionState.REMOVED:
                difference.returned += 1
                return "comes back"
        difference.confirmed += 1
        return "is confirmed"
    elif one.updated:
        difference.updated += 1
        return "is updated"
    else:
        difference.unchanged += 1
    return ""


def words(difference: Difference, *, done: bool, going: str = "") -> str:
    """Return the difference as one line: what did change, or would, and who is ``going``."""
    left, by_hand = len(difference.left), len(difference.removed_by_hand)
    counts = (
        (difference.joined, "joined" if done else "join"),
        (difference.returned, "came back" if done else "come back"),
        (difference.confirmed, "confirmed"),
        (difference.removed, "removed" if done else f"go{going}"),
        (difference.updated, "updated"),
        (difference.unchanged, "unchanged"),
        (left, f"had left and {'stays' if left == 1 else 'stay'} so"),
        (len(difference.suppressed), "suppressed"),
        (by_hand, f"removed by hand and {'stays' if by_hand == 1 else 'stay'} so"),
        (len(difference.problems), "unread"),
    )
    said = [f"{number:,} {word}" for number, word in counts if number]
    return f"{difference.list_name}: {', '.join(said) or 'nobody in the file, nobody on the list from it'}"
