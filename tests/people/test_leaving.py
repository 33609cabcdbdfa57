from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.models import DeliveryState, SubscriptionState
from digest.people.leaving import Standing, leave, standing
from digest.project import Project
from digest.settings import read_project_file
from digest.store import ledger, names, people
from digest.store.ledger import Mark
from tests.projects import TOML, a_project
from tests.store.books import Ledger
from tests.store.builders import (
    LATER,
    NOON,
    a_frozen_edition,
    a_list_number,
    a_newsletter_number,
    do,
    enrol,
    erase,
    number_of,
    query,
)

ANNA = "anna@example.com"
UNSUBSCRIBED, REMOVED = SubscriptionState.UNSUBSCRIBED, SubscriptionState.REMOVED
#: Two newsletters that share a list, and one of them has another to itself.
SHARED = TOML.replace('lists = ["industri"]', 'lists = ["industri", "handel"]') + (
    '[newsletters.manad]\ntitle = "Månad"\nfrom = "nytt@example.com"\nlists = ["industri"]\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with one newsletter on one list."""
    with a_project(tmp_path) as opened:
        yield opened


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Project]:
    """A project whose list industri feeds two newsletters, and whose list handel only one."""
    with a_project(tmp_path, SHARED) as opened:
        enrol(opened.store, ANNA, list_id=a_list_number(opened.store, "handel"))
        yield opened


def go(project: Project, edition_id: int = 1, subscriber_id: int = 1, how: str = "one-click, Mailbox/1") -> None:
    leave(project, project.file, edition_id, subscriber_id, how=how, now=LATER)


def lists(project: Project, address: str = ANNA) -> dict[str, str]:
    return next(one.lists for one in people.listing(project.store) if one.address == address)


def history(project: Project, number: int = 1) -> list[tuple[str, str, str, str, str]]:
    told = people.history(project.store, number)
    return [(name, one.state.value, one.origin.value, one.by, one.reason) for one, name in told]


def stops(project: Project) -> list[tuple[int, int]]:
    return query(project.store.path, "SELECT newsletter_id, subscriber_id FROM stop")


def states(project: Project) -> list[DeliveryState]:
    rows = query(project.store.path, "SELECT state FROM delivery ORDER BY edition_id, subscriber_id")
    return [DeliveryState(state) for (state,) in rows]


def test_reader_leaves_the_lists_of_the_newsletter_and_it_is_written_down_how(project: Project) -> None:
    a_frozen_edition(project.store, ANNA, "bo@example.com")

    go(project)

    assert (lists(project), lists(project, "bo@example.com")) == (
        {"industri": "unsubscribed"}, {"industri": "confirmed"},
    )  # fmt: skip
    assert history(project)[-1] == ("industri", "unsubscribed", "link", "the reader", "one-click, Mailbox/1")
    assert stops(project) == [(1, 1)]


def test_leaving_twice_changes_nothing_more(project: Project) -> None:
    a_frozen_edition(project.store, ANNA)
    go(project)
    once = history(project)

    go(project, how="button on the page")

    assert history(project) == once


def test_list_that_feeds_another_newsletter_is_kept_and_this_newsletter_stopped(sharing: Project) -> None:
    a_frozen_edition(sharing.store, ANNA)

    go(sharing)
    go(sharing)

    assert lists(sharing) == {"handel": "unsubscribed", "industri": "confirmed"}
    assert stops(sharing) == [(a_newsletter_number(sharing.store), 1)]
    assert history(sharing)[-2:] == [
        ("handel", "unsubscribed", "link", "the reader", "one-click, Mailbox/1"),
        (
            "industri", "confirmed", "link", "the reader",
            "left the newsletter nyheter (one-click, Mailbox/1); the list goes to another one too",
        ),
    ]  # fmt: skip
    industri = [a_list_number(sharing.store)]
    assert people.languages(sharing.store, a_newsletter_number(sharing.store), industri) == {}
    assert people.languages(sharing.store, a_newsletter_number(sharing.store, "manad"), industri) == {None: 1}


def test_no_other_list_of_the_newsletter_brings_it_back_to_who_left_it(sharing: Project) -> None:
    a_frozen_edition(sharing.store, list_ids=[a_list_number(sharing.store, "handel")])
    go(sharing)

    enrol(sharing.store, ANNA)  # as a sync or an import of the list that both newsletters take

    industri = [a_list_number(sharing.store)]
    assert lists(sharing) == {"handel": "unsubscribed", "industri": "confirmed"}
    assert people.languages(sharing.store, a_newsletter_number(sharing.store), industri) == {}
    assert people.languages(sharing.store, a_newsletter_number(sharing.store, "manad"), industri) == {None: 1}


def test_who_leaves_all_newsletters_of_a_list_has_left_the_list(sharing: Project) -> None:
    a_frozen_edition(sharing.store, ANNA)
    a_frozen_edition(sharing.store, newsletter_id=a_newsletter_number(sharing.store, "manad"))

    go(sharing, edition_id=1)
    assert lists(sharing)["industri"] == "confirmed"
    go(sharing, edition_id=2)

    assert lists(sharing) == {"handel": "unsubscribed", "industri": "unsubscribed"}


def test_lists_the_newsletter_took_when_the_letter_went_out_count_too(project: Project) -> None:
    gone = a_list_number(project.store, "gamla")
    a_frozen_edition(project.store, ANNA, list_ids=[gone])
    enrol(project.store, ANNA, list_id=gone)

    go(project)

    assert lists(project) == {"gamla": "unsubscribed", "industri": "unsubscribed"}


def test_list_of_another_newsletter_is_left_alone(sharing: Project) -> None:
    enrol(sharing.store, ANNA)
    a_frozen_edition(sharing.store, newsletter_id=a_newsletter_number(sharing.store, "manad"))

    go(sharing)

    assert lists(sharing) == {"handel": "confirmed", "industri": "confirmed"}
    assert stops(sharing) == [(a_newsletter_number(sharing.store, "manad"), 1)]


def test_who_had_been_taken_off_has_left_too_so_that_no_file_brings_them_back(project: Project) -> None:
    a_frozen_edition(project.store, ANNA)
    enrol(project.store, ANNA, state=REMOVED)

    go(project)

    assert lists(project) == {"industri": "unsubscribed"}


def test_digest_toml_of_the_moment_says_what_is_shared_and_what_is_renamed(project: Project) -> None:
    a_frozen_edition(project.store, ANNA)
    renamed = TOML.replace("[newsletters.nyheter]", '[newsletters.nytt]\nformerly = "nyheter"').replace(
        "[lists.industri]", '[lists.bransch]\nformerly = "industri"'
    ).replace('lists = ["industri"]', 'lists = ["bransch"]').replace('newsletters = ["nyheter"]\n', "")  # fmt: skip
    (project.folder / "digest.toml").write_text(
        renamed + '[newsletters.manad]\ntitle = "M"\nfrom = "a@example.com"\nlists = ["bransch"]\n', encoding="utf-8"
    )

    leave(project, read_project_file(project.folder / "digest.toml"), 1, 1, how="one-click", now=LATER)

    assert (lists(project), stops(project)) == ({"industri": "confirmed"}, [(1, 1)])
    assert "left the newsletter nytt (" in history(project)[-1][4]


def test_newsletter_that_is_in_the_file_no_more_can_still_be_left(sharing: Project) -> None:
    enrol(sharing.store, ANNA)
    gone = a_newsletter_number(sharing.store, "borta")
    a_frozen_edition(sharing.store, newsletter_id=gone)

    go(sharing)

    assert lists(sharing)["industri"] == "confirmed"
    assert stops(sharing) == [(gone, 1)]


def test_edition_that_nobody_knows_ends_all_subscriptions(sharing: Project) -> None:
    enrol(sharing.store, ANNA)

    go(sharing, edition_id=77)

    assert set(lists(sharing).values()) == {"unsubscribed"}
    assert stops(sharing) == []


def test_nobody_and_somebody_erased_may_leave_without_a_trace(project: Project) -> None:
    a_frozen_edition(project.store, ANNA, "bo@example.com")
    erase(project.store, ANNA)
    do(project.store, lambda c: c.exec_driver_sql("DELETE FROM subscription WHERE subscriber_id = 1"))

    for number in (1, 99):
        go(project, subscriber_id=number)
        go(project, edition_id=77, subscriber_id=number)

    assert lists(project, "bo@example.com") == {"industri": "confirmed"}
    assert stops(project) == []


def test_letters_that_have_not_gone_out_are_withdrawn(sharing: Project) -> None:
    store = sharing.store
    enrol(store, ANNA)
    a_frozen_edition(store, newsletter_id=a_newsletter_number(store, "manad"))
    for day in (29, 30):
        a_frozen_edition(store, date=NOON.date().replace(day=day))

    go(sharing, edition_id=2)

    assert states(sharing) == [DeliveryState.PENDING, DeliveryState.WITHDRAWN, DeliveryState.WITHDRAWN]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DeliveryState.DEFERRED, DeliveryState.WITHDRAWN),
        (DeliveryState.SENDING, DeliveryState.SENDING),
        (DeliveryState.IN_DOUBT, DeliveryState.IN_DOUBT),
        (DeliveryState.SENT, DeliveryState.SENT),
        (DeliveryState.FAILED, DeliveryState.FAILED),
    ],
)
def test_what_is_out_or_may_be_stays_as_it_is(project: Project, before: DeliveryState, after: DeliveryState) -> None:
    a_frozen_edition(project.store, ANNA)
    do(project.store, lambda c: c.exec_driver_sql(f"UPDATE delivery SET state = {int(before)}"))

    go(project)

    assert states(project) == [after]


def test_letter_that_a_running_send_has_claimed_is_not_marked_for_the_dot(project: Project) -> None:
    edition = a_frozen_edition(project.store, ANNA)
    book = Ledger(project.store, edition, names.relay_number(project.store, "mail.example.com"))
    (claim,) = ledger.claim(project.store, 1, ledger.take_lease(project.store, NOON), 0, 10)

    go(project)

    assert book.mark_sending(claim, LATER).result() is not Mark.GO
    assert states(project) == [DeliveryState.WITHDRAWN]


def test_page_learns_how_the_reader_stands(sharing: Project) -> None:
    enrol(sharing.store, ANNA)
    a_frozen_edition(sharing.store)
    number = number_of(sharing.store, ANNA)

    assert standing(sharing, 1, number) == Standing("nyheter", receives=True)
    assert standing(sharing, 77, number) == Standing(None, receives=True)
    go(sharing)
    assert standing(sharing, 1, number) == Standing("nyheter", receives=False)
    assert standing(sharing, 77, number) == Standing(None, receives=True), "still reads the other newsletter"
    assert standing(sharing, 1, 99) == Standing("nyheter", receives=False)
    assert standing(sharing, 77, 99) == Standing(None, receives=False)
