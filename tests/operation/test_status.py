"""``digest status``: what runs, what ran, and what needs a hand; nothing else is said."""

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from digest.models import DeliveryState, EditionState, Notice, NoticeKind, NoticeState
from digest.operation.needs import Need
from digest.operation.status import Status, look
from digest.project import Project
from digest.store import editions, home
from digest.store.lock import hold, send_lock
from digest.store.tables import ATTEMPT, DELIVERY, EDITION, MAILING_LIST, NOTICE
from tests.projects import a_project
from tests.store.builders import (
    NOON,
    a_frozen_edition,
    a_list_number,
    a_newsletter_number,
    do,
    query,
    some_articles,
)

NOW = NOON + dt.timedelta(hours=2)
KEY = "nyheter/2025-11-30"
READERS = ("anna@example.com", "bo@example.com", "eva@example.com", "liam@example.com")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An open project whose .env is its owner's alone."""
    with a_project(tmp_path / "nytt") as opened:
        (opened.folder / ".env").chmod(0o600)
        yield opened


def needs(project: Project, now: dt.datetime = NOW) -> list[Need]:
    return list(look(project, now).needs)


def frozen(project: Project, state: EditionState, **values: Any) -> None:
    """Freeze an edition for four readers and bring it into a state."""
    a_frozen_edition(project.store, *READERS)
    do(project.store, lambda c: c.execute(update(EDITION).values(state=state, **values)))


def deliver(project: Project, number: int, state: DeliveryState, **values: Any) -> None:
    row = update(DELIVERY).where(DELIVERY.c.subscriber_id == number).values(state=state, **values)
    do(project.store, lambda c: c.execute(row))


def test_empty_project_has_nothing_to_say(project: Project) -> None:
    found = look(project, NOW)

    assert (found.editions, found.running, found.needs) == ([], None, [])
    assert found.notices == {"waiting": 0, "failed": 0}
    assert set(found.versions) == {"digest", "store", "python", "sqlite"}
    assert found.installation == project.store.installation.uid


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_looking_changes_nothing(project: Project) -> None:
    frozen(project, EditionState.FROZEN)
    before = query(project.store.path, "SELECT * FROM installation"), contents(project.folder)

    look(project, NOW)

    assert (query(project.store.path, "SELECT * FROM installation"), contents(project.folder)) == before


def test_last_ten_editions_are_there_with_the_keys_of_the_contract(project: Project) -> None:
    for day in range(1, 13):
        number = a_newsletter_number(project.store)
        editions.decide(project.store, number, dt.date(2025, 11, day), 1, EditionState.EMPTY, "nothing new", NOON)
    found = look(project, NOW).editions

    assert [row["edition"] for row in found] == [f"nyheter/2025-11-{day:02}" for day in range(12, 2, -1)]
    assert list(found[0])[:6] == ["newsletter", "edition", "state", "articles", "audience", "sent"]
    assert needs(project) == []


def test_open_edition_that_nobody_sends_needs_a_hand(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    deliver(project, 1, DeliveryState.SENT)
    deliver(project, 2, DeliveryState.DEFERRED, next_at=NOW)

    assert needs(project) == [Need("2 letters left, and nobody is sending; 1 put off", KEY, "digest send nyheter")]


def test_edition_of_which_nothing_is_left_but_that_has_not_ended_needs_a_hand(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    for number in range(1, 5):
        deliver(project, number, DeliveryState.SENT)

    assert needs(project) == [Need("0 letters left, and nobody is sending", KEY, "digest send nyheter")]


def test_running_send_is_shown_with_its_speed_and_needs_no_hand(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    deliver(project, 1, DeliveryState.SENT, done_at=NOW - dt.timedelta(minutes=5))
    deliver(project, 2, DeliveryState.SENT, done_at=NOW - dt.timedelta(seconds=4))
    deliver(project, 3, DeliveryState.SENT, done_at=NOW - dt.timedelta(seconds=1))

    with hold(project.store.path.with_name("digest.db-send.lock")):
        found = look(project, NOW)

    assert found.as_json()["running"] == {"edition": KEY, "left": 1, "per_second": 0.5, "seconds_left": 2}
    assert found.needs == []
    assert look(project, NOW).running is None


def test_running_send_of_which_nothing_was_taken_lately_has_no_end_in_sight(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    deliver(project, 1, DeliveryState.DEFERRED)
    with hold(project.store.path.with_name("digest.db-send.lock")):
        found = look(project, NOW)

    assert found.as_json()["running"] == {"edition": KEY, "left": 4, "per_second": 0.0, "seconds_left": None}


def test_of_several_open_editions_the_one_that_moves_is_running(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    deliver(project, 1, DeliveryState.SENT, done_at=NOW)
    later = a_frozen_edition(project.store, date=dt.date(2025, 12, 1))
    assert later.id == 2
    with hold(project.store.path.with_name("digest.db-send.lock")):
        assert look(project, NOW).as_json()["running"]["edition"] == KEY


def test_lock_without_an_open_edition_is_no_running_send(project: Project) -> None:
    with hold(project.store.path.with_name("digest.db-send.lock")):
        assert look(project, NOW).running is None


def test_paused_edition_needs_a_hand_also_while_another_is_sent(project: Project) -> None:
    frozen(project, EditionState.PAUSED, decided_at=NOON)
    expected = [Need("paused since 13:00, 4 letters left", KEY, f"digest editions resume {KEY}")]

    assert needs(project) == expected, "in the newsletter's own time"
    with hold(project.store.path.with_name("digest.db-send.lock")):
        assert needs(project) == expected
    assert needs(project, NOW + dt.timedelta(days=1))[0].what == "paused since 2025-11-30 13:00, 4 letters left"


def test_deferred_mail_is_said_since_when(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    for number in range(2, 5):
        deliver(project, number, DeliveryState.SENT)
    deliver(project, 1, DeliveryState.DEFERRED, next_at=NOW + dt.timedelta(minutes=5))
    same = {"edition_id": 1, "subscriber_id": 1, "phase": "rcpt", "text": ""}
    tries = [{**same, "n": n, "at": NOON + n * dt.timedelta(minutes=9)} for n in (1, 2)]
    do(project.store, lambda c: c.execute(insert(ATTEMPT), tries))

    assert needs(project) == [Need("1 letter put off since 13:09, next try 15:05", KEY, "digest send nyheter")]


def test_open_doubts_need_a_hand_and_closed_ones_do_not(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    for number in range(1, 5):
        deliver(project, number, DeliveryState.IN_DOUBT, closed=number > 2)

    assert needs(project) == [Need("2 letters in doubt", KEY, f"digest editions doubts {KEY}")]


def test_cancelled_edition_whose_send_died_needs_a_hand_until_it_is_cancelled_again(project: Project) -> None:
    frozen(project, EditionState.CANCELLED)
    deliver(project, 1, DeliveryState.SENDING)

    words = "1 letter going out when it was cancelled, and nobody is sending"
    assert needs(project) == [Need(words, KEY, f"digest editions cancel {KEY}")]
    with hold(send_lock(project.store.path)):
        assert needs(project) == []
    deliver(project, 1, DeliveryState.IN_DOUBT, closed=True)
    assert needs(project) == []


def test_edition_that_was_taken_back_needs_a_hand(project: Project) -> None:
    number = a_newsletter_number(project.store)
    editions.decide(project.store, number, dt.date(2025, 11, 30), 1, EditionState.DRAFT, "an editor", NOON)

    (need,) = needs(project)
    assert (need.where, need.do) == (KEY, "digest send nyheter --date 2025-11-30")


def test_open_edition_of_a_newsletter_that_is_gone_is_not_to_be_sent(project: Project) -> None:
    frozen(project, EditionState.SENDING)
    deliver(project, 1, DeliveryState.SENT)
    file = project.file.model_copy(update={"newsletters": {}})

    (need,) = needs(replace(project, file=file))
    assert need == Need(
        "digest.toml does not name its newsletter, 3 letters left", KEY, f"digest editions cancel {KEY}"
    )


def test_held_edition_names_what_holds_it_and_the_way_out(project: Project) -> None:
    number = a_newsletter_number(project.store)

    def hold_(day: int, reason: str) -> None:
        editions.decide(project.store, number, dt.date(2025, 11, day), 1, EditionState.HELD, reason, NOON)

    hold_(28, "base_url: it is not https")
    assert needs(project) == [
        Need(
            "held: base_url: it is not https",
            "nyheter/2025-11-28",
            "digest send nyheter --date 2025-11-28 --force base_url",
        )
    ]

    hold_(29, "an editor stopped it")
    (need,) = needs(project)
    assert (need.where, need.do) == ("nyheter/2025-11-29", "digest send nyheter --date 2025-11-29")

    editions.decide(project.store, number, dt.date(2025, 11, 30), 1, EditionState.EMPTY, "nothing new", NOON)
    assert needs(project) == [], "its articles have had their next edition"


def test_store_that_is_not_at_home_comes_first(project: Project) -> None:
    some_articles(project.store, "Luftrenare")
    do(project.store, lambda c: c.exec_driver_sql("DELETE FROM placement"))
    home.require_home(project.store)
    moved = "UPDATE installation SET home = json_set(home, '$.inode', 1, '$.path', '/a')"
    do(project.store, lambda c: c.exec_driver_sql(moved))

    assert needs(project) == [
        Need("not at home here: it was at work as /a", "digest.db", "digest db adopt"),
        Need("1 article placed nowhere", "articles", "digest editions audit"),
    ]


def test_secrets_that_others_can_read_need_a_hand(project: Project) -> None:
    (project.folder / ".env").chmod(0o644)

    assert needs(project) == [
        Need("other users of this machine can read it", ".env", f"chmod 600 {project.folder / '.env'}")
    ]


def test_list_whose_file_was_saved_since_needs_a_hand(project: Project) -> None:
    file = project.folder / "subscribers" / "industri.csv"
    sync = "digest subscribers sync industri"
    a_list_number(project.store)

    def synced(at: dt.datetime | None) -> None:
        row = update(MAILING_LIST).values(synced_at=at)
        do(project.store, lambda c: c.execute(row))

    assert needs(project) == []
    file.parent.mkdir()
    file.write_text("e-post\n")
    (file.parent / "other.csv").write_text("no list of digest.toml")
    assert needs(project) == [Need("never brought in", "subscribers/industri.csv", sync)]

    os.utime(file, (NOON.timestamp(), NOON.timestamp()))
    synced(NOON)
    assert needs(project) == []
    synced(NOON - dt.timedelta(minutes=1))
    assert needs(project) == [Need("changed since it was brought in", "subscribers/industri.csv", sync)]


def notice(project: Project, key: str, state: NoticeState, made_at: dt.datetime, text: str = "") -> None:
    row = {
        "kind": NoticeKind.HELD, "key": key, "address": "red@example.com", "newsletter": "nyheter", "facts": {},
        "made_at": made_at, "state": state, "attempt": 0, "next_at": made_at, "text": text,
    }  # fmt: skip
    assert set(row) <= set(Notice.model_fields)
    do(project.store, lambda c: c.execute(insert(NOTICE).values(row)))


def test_notices_that_failed_lately_or_wait_for_long_need_a_hand(project: Project) -> None:
    notice(project, "old", NoticeState.FAILED, NOW - dt.timedelta(days=8))
    notice(project, "fresh", NoticeState.WAITING, NOW - dt.timedelta(minutes=5))
    notice(project, "sent", NoticeState.SENT, NOON)
    found = look(project, NOW)
    assert (found.needs, found.notices) == ([], {"waiting": 1, "failed": 1})

    notice(project, "a", NoticeState.FAILED, NOON, "550 no such user")
    notice(project, "b", NoticeState.SENDING, NOON)
    assert needs(project) == [
        Need("1 notice failed: 550 no such user", "editors", "digest config show"),
        Need("2 notices waiting since 12:00 UTC", "editors", "digest send --due"),
    ]


def test_json_is_the_contract_s(project: Project) -> None:
    frozen(project, EditionState.FROZEN)
    said = look(project, NOW).as_json()

    assert list(said) == ["editions", "running", "needs", "versions", "installation", "notices", "sources"]
    assert list(said["needs"][0]) == ["what", "where", "do"]
    assert isinstance(look(project, NOW), Status)
