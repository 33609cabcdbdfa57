import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from digest.models import EditionState
from digest.operation.plan import Coming, Plan, make_plan
from digest.project import Project
from digest.store import editions
from digest.store.editions import decide
from tests.builders import an_article
from tests.projects import a_project
from tests.store.builders import a_newsletter_number, a_plan, enrol, save, some_articles, stop

TOML = """\
[newsletters.nyheter]
title = "Nyheter"
from = "Nyheter <nytt@example.com>"
lists = ["industri"]
timezone = "Europe/Stockholm"
schedule = "30 2 * * *"
"""
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def at(text: str) -> dt.datetime:
    """Return what clocks in Stockholm show as an instant."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM).astimezone(dt.UTC)


def plan(project: Project, now: str, days: int = 4) -> Plan:
    """Return the plan of every newsletter, seen when clocks in Stockholm show this."""
    return make_plan(project, list(project.file.newsletters.values()), at(now), days)


def clocks(plan: Plan) -> list[str]:
    """Return the dates to come with what clocks show then."""
    return [f"{one.date:%m-%d} {one.at:%H:%M%z}" for one in plan.coming]


def test_dates_to_come_are_those_whose_time_has_not_come(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        early, late = plan(project, "2026-05-05 02:29", 2), plan(project, "2026-05-05 02:30", 2)

    assert clocks(early) == ["05-05 02:30+0200", "05-06 02:30+0200"]
    assert clocks(late) == ["05-06 02:30+0200"]


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-03-28 12:00", {"03-29 03:00+0200": ("forward", True, False), "03-30 02:30+0200": (None, False, False)}),
        ("2026-10-24 12:00", {"10-25 02:30+0200": ("back", False, True), "10-26 02:30+0100": (None, False, False)}),
    ],
)
def test_changed_clocks_are_marked(tmp_path: Path, now: str, wanted: dict[str, tuple[str | None, bool, bool]]) -> None:
    with a_project(tmp_path, TOML) as project:
        seen = plan(project, now, 3)

    marks = [(one.clock_change, one.never_comes, one.comes_twice) for one in seen.coming]
    assert dict(zip(clocks(seen), marks, strict=True)) == wanted


def test_skipped_dates_are_shown_as_such_with_the_next_one_that_is_not(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML + 'skip_dates = ["2025-12-24..2026-01-06"]') as project:
        enrol(project.store, "anna@example.com")
        some_articles(project.store, "Backkameror")
        seen = plan(project, "2025-12-24 12:00", 3)

    assert [(one.date.isoformat(), one.skipped, one.readers, one.articles) for one in seen.coming] == [
        ("2025-12-25", True, 0, None), ("2025-12-26", True, 0, None), ("2026-01-07", False, 1, 1),
    ]  # fmt: skip
    assert [one.date.isoformat() for one in seen.last] == ["2025-12-23"]


def test_next_date_of_a_rare_schedule_is_shown_however_far_it_is(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML.replace("30 2 * * *", "0 6 29 2 *")) as project:
        assert clocks(plan(project, "2096-03-01 12:00")) == ["02-29 06:00+0100"]  # 2100 is no leap year


def test_schedule_that_is_skipped_for_ever_has_no_date(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML + 'skip_dates = ["2026-01-01..9999-12-31"]') as project:
        assert [one.skipped for one in plan(project, "2026-05-05 12:00", 3).coming] == [True, True]


def test_readers_are_those_who_would_get_it_now(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        enrol(project.store, "anna@example.com", "bo@example.com", "carin@example.com")
        stop(project.store, a_newsletter_number(project.store), "bo@example.com")
        seen = plan(project, "2026-05-05 12:00", 3)

    assert [one.readers for one in seen.coming] == [2, 2]


def test_articles_are_counted_as_the_next_edition_would_have_them(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        out, evening, tomorrow = dt.date(2026, 5, 5), at("2026-05-05 18:00"), at("2026-05-06 18:00")
        save(
            project.store,
            an_article("Ute", link="https://a.example/1", published_on=out),
            an_article("I kväll", link="https://a.example/2", published=evening),
            an_article("I morgon", link="https://a.example/3", published=tomorrow),
            an_article("Gammal", link="https://a.example/4", published_on=dt.date(2026, 1, 1)),
        )
        seen = plan(project, "2026-05-05 12:00", 4)

    assert [one.articles for one in seen.coming] == [2, None, None]


def test_edition_that_was_sent_ahead_of_its_time_is_told(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        number, now = a_newsletter_number(project.store), at("2026-05-05 01:00")
        decide(project.store, number, dt.date(2026, 5, 5), 1, EditionState.HELD, "no postal address", now)
        seen = plan(project, "2026-05-05 01:30", 2)

    assert [one.state for one in seen.coming] == ["held", None]


@pytest.mark.parametrize(
    ("now", "state"), [("2026-05-05 02:30", "due"), ("2026-05-05 08:30", "due"), ("2026-05-05 08:31", "missing")]
)
def test_last_date_without_an_edition_is_due_and_then_missing(tmp_path: Path, now: str, state: str) -> None:
    with a_project(tmp_path, TOML) as project:
        (last,) = plan(project, now).last

    assert (last.newsletter, last.date, last.at) == ("nyheter", dt.date(2026, 5, 5), at("2026-05-05 02:30"))
    assert (last.state, last.reason) == (state, "")


def test_last_date_with_an_edition_has_its_state_and_reason(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        number, now = a_newsletter_number(project.store), at("2026-05-05 02:30")
        decide(project.store, number, dt.date(2026, 5, 5), 1, EditionState.HELD, "no postal address", now)
        (held,) = plan(project, "2026-05-05 12:00").last
        enrol(project.store, "anna@example.com")
        some_articles(project.store, "Backkameror")
        assert editions.freeze(project.store, a_plan(project.store, date=dt.date(2026, 5, 5), at=now)) is not None
        (frozen,) = plan(project, "2026-05-05 12:00").last

    assert (held.state, held.reason) == ("held", "no postal address")
    assert (frozen.state, frozen.reason) == ("frozen", "")


def test_date_that_was_taken_back_is_not_due_since_cron_leaves_it_to_a_person(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        number, now = a_newsletter_number(project.store), at("2026-05-05 02:30")
        decide(project.store, number, dt.date(2026, 5, 5), 1, EditionState.DRAFT, "", now)

        assert [last.state for last in plan(project, "2026-05-05 02:31").last] == ["draft"]
        assert [last.state for last in plan(project, "2026-05-05 12:00").last] == ["draft"]


def test_newsletters_without_a_schedule_are_named(tmp_path: Path) -> None:
    by_hand = TOML.replace("nyheter]", "extra]").replace('schedule = "30 2 * * *"', "")
    with a_project(tmp_path, TOML + by_hand) as project:
        seen = plan(project, "2026-05-05 12:00", 2)

    assert seen.unscheduled == ("extra",)
    assert {one.newsletter for one in seen.coming} == {one.newsletter for one in seen.last} == {"nyheter"}


def test_looking_leaves_the_store_as_it_is(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML) as project:
        seen = plan(project, "2026-05-05 12:00", 2)

        assert seen.coming[0] == Coming(
            newsletter="nyheter",
            date=dt.date(2026, 5, 6),
            at=at("2026-05-06 02:30"),
            asked=dt.time(2, 30),
            clock_change=None,
            comes_twice=False,
            skipped=False,
            readers=0,
            articles=0,
            state=None,
        )
        assert a_newsletter_number(project.store) == 1, "it is the first to be given a number"
