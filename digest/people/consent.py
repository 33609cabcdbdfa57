"""What becomes of a subscription when somebody is named for a list. Decides only."""

from digest.models import SubscriptionState

CONFIRMED, UNCONFIRMED = SubscriptionState.CONFIRMED, SubscriptionState.UNCONFIRMED


def joining(before: SubscriptionState | None, suppressed: bool, *, vouched: bool) -> SubscriptionState | None:
    """Return a subscription's state after an import or a list's file names the address; None: it stays as it is.

    Confirmed stays confirmed; what the reader left, and what is suppressed, stays so: an import never outdoes a
    person.  ``vouched``: the importer, or the list's own proof of consent, speaks for the rows.
    """
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


def adding(
    before: SubscriptionState | None, suppressed: bool, *, confirmed: bool, reason: str
) -> SubscriptionState | None:
    """Return a subscription's state after an editor adds one person by hand; None: it stays as it is.

    With a reason that is kept, an editor may bring back who had left; a suppression is lifted elsewhere, not by this.
    """
    if before is SubscriptionState.UNSUBSCRIBED and confirmed and reason and not suppressed:
        return CONFIRMED
    return joining(before, suppressed, vouched=confirmed)
