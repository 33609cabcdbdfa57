from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.models import SubscriptionState, SuppressionReason
from digest.people import lists
from digest.people.addresses import BadAddress, read_address
from digest.people.card import card
from digest.people.lists import NoSuchSubscriber, find, person
from digest.people.suppression import Complained, NoReason, suppress, unsuppress
from digest.people.suppression import find as stop_on
from digest.project import Project, who_does_this
from digest.store import people, suppression
from tests.projects import a_project
from tests.store.builders import LATER, NOON, a_vouching, query

ANNA = "anna@example.com"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with one confirmed reader."""
    with a_project(tmp_path) as opened:
        lists.add(opened, ANNA, "Anna", list_name="industri", language=None, confirmed=True, reason="", now=NOON)
        yield opened


def history(project: Project) -> list[tuple[str, str, str]]:
    told = people.history(project.store, find(project, ANNA).id)
    return [(one.state.value, one.origin.value, one.reason) for one, _ in told]


def complain(project: Project) -> None:
    hash_ = person(project, read_address(ANNA)).hash
    suppression.suppress(project.store, hash_, SuppressionReason.COMPLAINT, a_vouching(reason="ARF"))


def test_stop_is_kept_with_who_and_why_and_ends_no_subscription(project: Project) -> None:
    assert suppress(project, "ANNA@example.com", " ringde\n och bad ", LATER) is None

    known = card(project, ANNA)
    assert (known.known.suppressed, known.known.lists) == ("editor", {"industri": "confirmed"})
    assert known.suppression == {
        "reason": "editor", "detail": "ringde och bad", "by": who_does_this(), "at": "2025-11-30T13:00:00+00:00",
    }  # fmt: skip
    assert history(project)[-1] == ("confirmed", "editor", "suppressed: ringde och bad")


def test_stopping_twice_leaves_the_first_stop(project: Project) -> None:
    suppress(project, ANNA, "ringde", NOON)
    once = history(project)

    already = suppress(project, ANNA, "igen", LATER)

    assert already is not None
    assert (already.reason, already.detail) == (SuppressionReason.EDITOR, "ringde")
    assert history(project) == once


def test_address_nobody_is_known_by_is_stopped_without_being_written_down(project: Project) -> None:
    assert suppress(project, "eva@example.com", "ringde", NOON) is None

    assert stop_on(project, "eva@example.com") is not None
    assert query(project.store.path, "SELECT count(*) FROM subscriber") == [(1,)]
    with pytest.raises(NoSuchSubscriber, match=r"nobody is known as eva@example\.com, and it is suppressed \(editor\)"):
        card(project, "eva@example.com")
    after = lists.add(
        project, "eva@example.com", "", list_name="industri", language=None, confirmed=True, reason="x", now=NOON
    )
    assert after.after is SubscriptionState.UNCONFIRMED


def test_lifting_leaves_subscriptions_as_they_were_and_is_kept_in_the_history(project: Project) -> None:
    suppress(project, ANNA, "ringde", NOON)

    assert unsuppress(project, ANNA, "ringde igen", LATER)
    assert not unsuppress(project, ANNA, "ringde igen", LATER)

    known = card(project, ANNA)
    assert (known.known.suppressed, known.suppression, known.known.lists) == (None, None, {"industri": "confirmed"})
    assert [line[2] for line in history(project)[1:]] == ["suppressed: ringde", "suppressed no more: ringde igen"]


def test_complaint_is_never_lifted(project: Project) -> None:
    complain(project)

    with pytest.raises(Complained, match=r"anna@example\.com has complained about a letter: that stays"):
        unsuppress(project, ANNA, "ringde", LATER)

    assert find(project, ANNA).suppressed == "complaint"


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_reason_must_be_said(project: Project, reason: str) -> None:
    for change in (suppress, unsuppress):
        with pytest.raises(NoReason, match="--reason"):
            change(project, ANNA, reason, NOON)


def test_what_is_no_address_is_refused(project: Project) -> None:
    for change in (suppress, unsuppress):
        with pytest.raises(BadAddress):
            change(project, "anna", "ringde", NOON)
