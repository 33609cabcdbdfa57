from itertools import product

import pytest

from digest.models import SubscriptionState
from digest.people.consent import adding, joining

CONFIRMED, UNCONFIRMED, UNSUBSCRIBED, REMOVED = (
    SubscriptionState.CONFIRMED,
    SubscriptionState.UNCONFIRMED,
    SubscriptionState.UNSUBSCRIBED,
    SubscriptionState.REMOVED,
)
STATES = (None, *SubscriptionState)

#: before, suppressed, vouched for -> after an import; None: it stays as it is. DESIGN.md, "People".
JOINING = {
    (None, False, False): UNCONFIRMED,
    (None, False, True): CONFIRMED,
    (None, True, False): UNCONFIRMED,
    (None, True, True): UNCONFIRMED,
    (UNCONFIRMED, False, False): None,
    (UNCONFIRMED, False, True): CONFIRMED,
    (UNCONFIRMED, True, False): None,
    (UNCONFIRMED, True, True): None,
    (CONFIRMED, False, False): None,
    (CONFIRMED, False, True): None,
    (CONFIRMED, True, False): None,
    (CONFIRMED, True, True): None,
    (UNSUBSCRIBED, False, False): None,
    (UNSUBSCRIBED, False, True): None,
    (UNSUBSCRIBED, True, False): None,
    (UNSUBSCRIBED, True, True): None,
    (REMOVED, False, False): UNCONFIRMED,
    (REMOVED, False, True): CONFIRMED,
    (REMOVED, True, False): None,
    (REMOVED, True, True): None,
}
JOINING_CASES = pytest.mark.parametrize(("case", "after"), JOINING.items())


def test_table_has_every_case() -> None:
    assert set(JOINING) == set(product(STATES, (False, True), (False, True)))


@JOINING_CASES
def test_import_never_outdoes_a_person_or_a_suppression(
    case: tuple[SubscriptionState | None, bool, bool], after: SubscriptionState | None
) -> None:
    before, suppressed, vouched = case

    assert joining(before, suppressed, vouched=vouched) is after


@JOINING_CASES
@pytest.mark.parametrize("reason", ["", "phoned and asked for it"])
def test_editor_adds_as_an_import_does_but_for_whom_they_bring_back(
    case: tuple[SubscriptionState | None, bool, bool], after: SubscriptionState | None, reason: str
) -> None:
    before, suppressed, confirmed = case
    brings_back = case == (UNSUBSCRIBED, False, True) and reason != ""

    assert adding(before, suppressed, confirmed=confirmed, reason=reason) is (CONFIRMED if brings_back else after)


@pytest.mark.parametrize(("before", "reason"), list(product(STATES, ["", "phoned"])))
def test_nobody_suppressed_becomes_confirmed(before: SubscriptionState | None, reason: str) -> None:
    assert joining(before, True, vouched=True) is not CONFIRMED
    assert adding(before, True, confirmed=True, reason=reason) is not CONFIRMED
