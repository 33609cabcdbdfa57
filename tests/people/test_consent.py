from itertools import product

import pytest

from digest.models import Origin, SubscriptionState
from digest.people.consent import Removals, adding, in_file, joining, leaving, removing

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


@JOINING_CASES
@pytest.mark.parametrize("origin", list(Origin))
def test_row_of_a_list_s_file_joins_as_an_import_does_but_for_whom_an_editor_took_off(
    case: tuple[SubscriptionState | None, bool, bool], after: SubscriptionState | None, origin: Origin
) -> None:
    before, suppressed, vouched = case
    by_hand = before is REMOVED and origin is not Origin.FILE

    assert in_file(before, origin, suppressed, vouched=vouched) is (None if by_hand else after)


@pytest.mark.parametrize(("before", "said"), list(product(STATES, [UNSUBSCRIBED, REMOVED])))
def test_who_was_off_the_list_where_they_were_exported_is_so_here_if_they_are_new(
    before: SubscriptionState | None, said: SubscriptionState
) -> None:
    expected = said if before is None else None

    assert joining(before, False, vouched=True, said=said) is expected
    assert in_file(before, Origin.FILE, False, vouched=True, said=said) is expected


@pytest.mark.parametrize("before", STATES)
def test_who_was_unconfirmed_where_they_were_exported_is_confirmed_by_no_import(
    before: SubscriptionState | None,
) -> None:
    assert joining(before, False, vouched=True, said=UNCONFIRMED) is not CONFIRMED


@pytest.mark.parametrize(
    ("vanished", "kept", "unread", "forced", "expected"),
    [
        (0, 0, 0, False, Removals.GO),
        (0, 10, 3, False, Removals.GO),
        (1, 10, 0, False, Removals.GO),  # a tenth, not more
        (2, 19, 0, False, Removals.HELD),
        (1, 9, 0, False, Removals.HELD),
        (1, 1, 0, False, Removals.HELD),
        (1, 9, 0, True, Removals.GO),
        (1, 10, 1, False, Removals.WAIT),
        (9, 9, 1, True, Removals.WAIT),
        (9, 9, 1, False, Removals.HELD),
    ],
)
def test_more_than_a_tenth_is_held_and_unreadable_rows_make_removals_wait(
    vanished: int, kept: int, unread: int, forced: bool, expected: Removals
) -> None:
    assert removing(vanished, kept, unread, forced=forced) is expected


def test_reader_leaves_the_lists_that_no_other_newsletter_takes() -> None:
    assert leaving({1: "industri", 2: "handel"}, {"handel", "lager"}) == ([1], [2])
    assert leaving({}, {"handel"}) == ([], [])
