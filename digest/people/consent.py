"""What becomes of subscriptions that an import, a file or an editor names, or the reader leaves. Decides only."""

import enum
from collections.abc import Collection, Mapping

from digest.models import Origin, SubscriptionState

CONFIRMED, UNCONFIRMED = SubscriptionState.CONFIRMED, SubscriptionState.UNCONFIRMED
OFF = (SubscriptionState.UNSUBSCRIBED, SubscriptionState.REMOVED)


def joining(
    before: SubscriptionState | None, suppressed: bool, *, vouched: bool, said: SubscriptionState | None = None
) -> SubscriptionState | None:
    """Return a subscription's state after an import or a list's file names the address; None: it stays as it is.

    Confirmed stays confirmed; what the reader left, and what is suppressed, stays so: an import never outdoes a
    person.  ``vouched``: the importer, or the list's own proof of consent, speaks for the rows.  ``said``: where the
    person stood when the row was exported; who was off the list there comes to be off it here, if they are new.
    """
    if said in OFF:
        return said if before is None else None
    vouched = vouched and said is not UNCONFIRMED
    wanted = CONFIRMED if vouched else UNCONFIRMED
    match before:
        case SubscriptionState.CONFIRMED | SubscriptionState.UNSUBSCRIBED:
            return None
        case SubscriptionState.UNCONFIRMED:
            return CONFIRMED if vouched and not suppressed else None
        case SubscriptionState.REMOVED:
            return None if suppressed else wanted
        case None:
            return UNCONFIRMED if suppressed else wanted


def in_import(
    before: SubscriptionState | None,
    _: Origin | None,
    suppressed: bool,
    *,
    vouched: bool,
    said: SubscriptionState | None = None,
) -> SubscriptionState | None:
    """Return a subscription's state after an import finds the address, whatever it came through before."""
    return joining(before, suppressed, vouched=vouched, said=said)


def in_file(
    before: SubscriptionState | None,
    origin: Origin | None,
    suppressed: bool,
    *,
    vouched: bool,
    said: SubscriptionState | None = None,
) -> SubscriptionState | None:
    """Return a subscription's state after a sync finds the address in the list's file; None: it stays as it is.

    Whose row vanished comes back with it; whom an editor took off by hand (``end`` makes the origin theirs) does not.
    """
    if before is SubscriptionState.REMOVED and origin is not Origin.FILE:
        return None
    return joining(before, suppressed, vouched=vouched, said=said)


class Removals(enum.Enum):
    """What becomes of those whom a list's file names no more."""

    GO = "go"
    WAIT = "wait"  #: until every row can be read: one of them may be theirs
    HELD = "held"  #: too many: nothing at all is changed


def removing(vanished: int, kept: int, unread: int, *, forced: bool) -> Removals:
    """Return whether they are taken off; ``kept`` is how many the file kept on the list until now.

    More than a tenth looks like half a file; a person must say that it is meant (``forced``).
    """
    if vanished * 10 > kept and not forced:
        return Removals.HELD
    return Removals.WAIT if vanished and unread else Removals.GO


def adding(
    before: SubscriptionState | None, suppressed: bool, *, confirmed: bool, reason: str
) -> SubscriptionState | None:
    """Return a subscription's state after an editor adds one person by hand; None: it stays as it is.

    With a reason that is kept, an editor may bring back who had left; a suppression is lifted elsewhere, not by this.
    """
    if before is SubscriptionState.UNSUBSCRIBED and confirmed and reason and not suppressed:
        return CONFIRMED
    return joining(before, suppressed, vouched=confirmed)


def leaving(lists: Mapping[int, str], others: Collection[str]) -> tuple[list[int], list[int]]:
    """Return which of a newsletter's lists a reader leaves with it, and on which they stay: those others take too."""
    ends = [number for number, name in lists.items() if name not in others]
    return ends, [number for number in lists if number not in ends]
