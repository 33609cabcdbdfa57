"""``digest send --due``: what the schedule says, each date once, whatever the clock and whoever else is at it."""

import datetime as dt
import os
import subprocess
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from digest.demo.smtpd import Answer, Script, Step
from digest.store.lock import hold
from tests.cli.conftest import TOML, Run
from tests.serving import serving

SCHEDULE = 'schedule = "30 6 * * *"\nsend_before = "6h"\n'
LATE, EARLY = "2025-12-01T05:31:00Z", "2025-12-01T05:29:00Z"  # 06:31 and 06:29 in Stockholm, in winter


LATER = b"451 4.7.1 later\r\n"


def greylisting() -> Script:
    """A relay that puts bo@example.com off once."""
    seen: set[str] = set()

    def script(step: Step) -> Answer:
        if step.name != "rcpt" or "bo@" not in step.argument or seen:
            return None
        seen.add(step.argument)
        return LATER

    return script


def slowly(step: Step) -> Answer:
    if step.name == "dot":
        time.sleep(0.1)
    return None


@pytest.fixture
def scheduled(ready: Path) -> Path:
    """A ready project whose newsletter goes out at half past six."""
    write_schedule(ready, SCHEDULE)
    return ready


def write_schedule(project: Path, schedule: str) -> None:
    text = TOML.replace('timezone = "Europe/Stockholm"\n', f'timezone = "Europe/Stockholm"\n{schedule}', 1)
    (project / "digest.toml").write_text(text, encoding="utf-8")


def states(digest: Run) -> dict[str, str]:
    return {one["edition"]: one["state"] for one in digest("editions", "list", "--json").json["editions"]}


def at(moment: str | dt.datetime) -> time_machine.travel:
    return time_machine.travel(moment, tick=True)


def add_article(digest: Run, title: str) -> None:
    assert digest("articles", "add", "--title", title).code == 0


def test_nothing_goes_out_before_its_time_and_everything_after_it(scheduled: Path, digest: Run) -> None:
    with at(EARLY):
        early = digest("send", "--due")
    assert (early.code, early.out, early.err) == (0, "", "")
    assert states(digest) == {}
    with at(LATE):
        sent = digest("send", "--due")
        again = digest("send", "--due", "--json")

    assert (sent.code, sent.out, sent.err) == (0, "", "")
    assert states(digest) == {"nyheter/2025-12-01": "rehearsed"}
    assert len(list((scheduled / "outbox" / "new").iterdir())) == 3
    assert (again.code, again.json) == (0, {"schema": 1, "editions": []})


def test_each_day_has_its_own_edition_and_each_article_one(scheduled: Path, digest: Run) -> None:
    for day in range(1, 8):
        with at(f"2025-12-0{day}T06:00:00Z"):
            if day != 4:
                add_article(digest, f"Nyhet {day}")
            assert digest("send", "--due").code == 0

    found = states(digest)
    assert found == {f"nyheter/2025-12-0{d}": "empty" if d == 4 else "rehearsed" for d in range(1, 8)}
    account = digest("editions", "audit", "--json").json
    assert [len(ids) for _, ids in sorted(account["editions"].items())] == [3, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_the_nights_of_the_clock_change_have_one_edition_each(project: Path, digest: Run, night: str) -> None:
    write_schedule(project, 'schedule = "30 2 * * *"\n')
    assert digest("subscribers", "add", "anna@example.com", "--list", "industri", "--confirmed").code == 0
    midnight = dt.datetime.combine(dt.date.fromisoformat(night), dt.time(), ZoneInfo("Europe/Stockholm"))
    for step in range(24):
        with at(midnight.astimezone(dt.UTC) + step * dt.timedelta(minutes=15)):
            add_article(digest, f"Nyhet {step}")
            assert digest("send", "--due").code == 0
    sent = [one for one in digest("editions", "list", "--json").json["editions"] if one["edition"].endswith(night)]

    assert [one["state"] for one in sent] == ["rehearsed"]


def test_a_machine_that_slept_over_it_holds_the_edition_and_says_so_once(scheduled: Path, digest: Run) -> None:
    with at("2025-12-01T13:00:00Z"):
        held = digest("send", "--due")
        again = digest("send", "--due")

    assert held.code == 6
    assert held.err.splitlines() == ["nyheter/2025-12-01: hold: its time was 7 h 30 min ago, and send_before allows 6h"]
    assert (again.code, again.err) == (0, "")
    assert states(digest) == {"nyheter/2025-12-01": "held"}


def test_a_newsletter_that_begins_today_has_not_missed_yesterday(scheduled: Path, digest: Run) -> None:
    with at("2025-12-01T03:00:00Z"):
        first = digest("send", "--due")

    assert (first.code, first.err) == (0, "")
    assert states(digest) == {}


def test_a_night_slept_through_is_told_in_the_morning(scheduled: Path, digest: Run) -> None:
    write_schedule(scheduled, SCHEDULE.replace("30 6", "0 20"))
    with at("2025-12-01T19:00:00Z"):
        assert digest("send", "--due").code == 0
        add_article(digest, "Nästa dag")
    with at("2025-12-03T03:00:00Z"):
        held = digest("send", "--due")

    assert held.code == 6
    assert states(digest) == {"nyheter/2025-12-01": "rehearsed", "nyheter/2025-12-02": "held"}


@pytest.mark.parametrize("arguments", [(), ("--force", "late")])
def test_a_person_sends_what_was_too_late_for_cron(scheduled: Path, digest: Run, arguments: tuple[str, ...]) -> None:
    with at("2025-12-01T13:00:00Z"):
        digest("send", "--due")
        sent = digest("send", *arguments)

    assert sent.code == 0
    assert states(digest) == {"nyheter/2025-12-01": "rehearsed"}


def test_cron_itself_can_be_told_to_send_what_is_late(scheduled: Path, digest: Run) -> None:
    with at("2025-12-01T13:00:00Z"):
        assert digest("send", "--due", "--force", "late").code == 0

    assert states(digest) == {"nyheter/2025-12-01": "rehearsed"}


def test_a_late_day_without_news_is_empty_and_not_held(project: Path, digest: Run) -> None:
    write_schedule(project, SCHEDULE)
    with at("2025-12-01T13:00:00Z"):
        assert digest("send", "--due").code == 0

    assert states(digest) == {"nyheter/2025-12-01": "empty"}


def test_an_empty_day_stays_empty_and_its_late_news_wait_for_the_next(project: Path, digest: Run) -> None:
    write_schedule(project, SCHEDULE)
    digest("subscribers", "add", "anna@example.com", "--list", "industri", "--confirmed")
    with at(LATE):
        digest("send", "--due")
        add_article(digest, "Sen nyhet")
        digest("send", "--due")
    assert states(digest) == {"nyheter/2025-12-01": "empty"}
    with at("2025-12-02T05:31:00Z"):
        digest("send", "--due")

    assert states(digest) == {"nyheter/2025-12-01": "empty", "nyheter/2025-12-02": "rehearsed"}


def test_a_date_that_is_skipped_has_no_edition(scheduled: Path, digest: Run) -> None:
    write_schedule(scheduled, SCHEDULE + 'skip_dates = ["2025-12-01..2025-12-03"]\n')
    for day in ("01", "02", "03"):
        with at(f"2025-12-{day}T06:00:00Z"):
            assert digest("send", "--due").code == 0
    assert states(digest) == {}
    with at("2025-12-04T06:00:00Z"):
        digest("send", "--due")

    assert states(digest) == {"nyheter/2025-12-04": "rehearsed"}


def test_what_an_editor_took_back_is_not_sent_by_cron(scheduled: Path, digest: Run) -> None:
    with at(LATE):
        digest("send", "--due")
        assert digest("editions", "reopen", "2025-12-01").code == 0
        assert digest("send", "--due").code == 0

    assert states(digest) == {"nyheter/2025-12-01": "draft"}


def test_what_was_rehearsed_is_not_mailed_by_cron_once_a_relay_is_set(
    scheduled: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server, at(LATE):
        digest("send", "--due")
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", "--due").code == 0
        assert not server.mails
        assert digest("send").code == 0  # by hand it is

    assert len(server.mails) == 3


def test_a_paused_edition_waits_in_silence(scheduled: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda step: LATER if step.name == "rcpt" else None) as server, at(LATE):
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", "--due", "--wait", "0").code == 3
        assert digest("editions", "pause", "2025-12-01").code == 0
        waiting = digest("send", "--due", "--wait", "0")

    assert (waiting.code, waiting.out, waiting.err) == (0, "", "")


def test_a_relay_that_is_down_is_one_line_for_cron(
    scheduled: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", "smtp+plain://127.0.0.1:1")
    with at(LATE):
        failed = digest("send", "--due", "--wait", "0")

    assert failed.code == 1
    (line,) = failed.err.splitlines()
    assert line.startswith("nyheter/2025-12-01: relay 127.0.0.1:1 failed at connect")


def test_mail_put_off_goes_out_with_a_later_call_and_cron_is_not_bothered(
    scheduled: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(greylisting()) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with at(LATE):
            first = digest("send", "--due", "--wait", "0")
        with at("2025-12-01T05:32:00Z"):
            soon = digest("send", "--due", "--wait", "0")
        with at("2025-12-01T06:31:00Z"):
            later = digest("send", "--due", "--wait", "0", "--json")

    assert (first.code, first.out, first.err) == (3, "", "")
    assert (soon.code, soon.err) == (0, "")  # nothing is due yet, so nothing is begun
    assert later.code == 0
    assert later.json["editions"][0]["now"]["sent"] == 1
    assert sorted(mail.recipient[:3] for mail in server.mails) == ["ann", "bo@", "lia"]


def test_an_older_edition_goes_on_before_the_new_one(
    scheduled: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(greylisting()) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with at(LATE):
            digest("send", "--due", "--wait", "0")
        with at("2025-12-01T20:00:00Z"):
            add_article(digest, "Nästa dag")
        with at("2025-12-02T05:31:00Z"):
            both = digest("send", "--due", "--wait", "0", "--json").json["editions"]

    assert [(one["edition"], one["now"]["sent"]) for one in both] == [
        ("nyheter/2025-12-01", 1), ("nyheter/2025-12-02", 3),
    ]  # fmt: skip
    assert [mail.recipient for mail in server.mails][2] == "bo@example.com"


def test_another_run_at_it_is_no_trouble(scheduled: Path, digest: Run) -> None:
    with at(LATE), hold(scheduled / "digest.db-send.lock"):
        busy = digest("send", "--due")

    assert (busy.code, busy.out, busy.err) == (0, "", "")
    assert states(digest) == {}


def test_two_at_once_mail_everybody_once(ready: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    write_schedule(ready, f'schedule = "0 0 * * *"\nsend_before = "48h"\nlookback_days = {(now.year - 2024) * 366}\n')
    command = [sys.executable, "-m", "digest", "send", "--due"]
    with serving(slowly) as server:
        environment = {**os.environ, "DIGEST_RELAY_URL": server.url}
        runs = [
            subprocess.Popen(command, cwd=ready, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)
        ]
        ended = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]

    assert ended == [("", 0)] * 4
    assert sorted(mail.recipient[:3] for mail in server.mails) == ["ann", "bo@", "lia"]


def test_a_project_without_a_schedule_says_so(ready: Path, digest: Run) -> None:
    refused = digest("send", "--due")

    assert refused.code == 4
    assert "no schedule for nyheter in digest.toml" in refused.err


@pytest.mark.parametrize("more", [("--date", "2025-11-30"), ("--extra",), ("--dry-run",), ("--test", "a@example.com")])
def test_due_goes_by_the_schedule_alone(scheduled: Path, digest: Run, more: tuple[str, ...]) -> None:
    refused = digest("send", "--due", *more)

    assert refused.code == 2
    assert "--due goes by the schedule alone" in refused.err


def test_one_newsletter_that_is_broken_stops_no_other(scheduled: Path, digest: Run) -> None:
    text = (scheduled / "digest.toml").read_text(encoding="utf-8")
    section = text[text.index("[newsletters.nyheter]") : text.index("[lists.industri]")]
    broken = section.replace("nyheter", "annat").replace('language = "sv"', 'language = "sv"\ndesign = "finns-inte"')
    (scheduled / "digest.toml").write_text(text.replace("[newsletters.nyheter]", f"{broken}[newsletters.nyheter]"))
    with at(LATE):
        add_article(digest, "För båda")
        mixed = digest("send", "--due")

        told = digest("send", "--due", "--json")

    assert (told.code, told.json["editions"]) == (4, [])
    assert mixed.code == 4
    assert mixed.err.startswith("digest: annat: templates/finns-inte: no such design")
    assert len(mixed.err.splitlines()) == 1
    assert states(digest) == {"nyheter/2025-12-01": "rehearsed"}


def test_sources_are_collected_only_for_an_edition_that_is_due(scheduled: Path, digest: Run) -> None:
    folder = scheduled / "articles"
    folder.mkdir(exist_ok=True)
    (folder / "a.json").write_text('[{"title": "Ur mappen", "published": "2025-11-30"}, {"title": ""}]')
    with at(EARLY):
        quiet = digest("send", "--due", "--collect")
    assert (quiet.code, quiet.err) == (0, "")
    assert len(digest("articles", "list", "--json").json["articles"]) == 2
    with at(LATE):
        due = digest("send", "--due", "--collect")
        after = digest("send", "--due", "--collect")

    assert due.code == 3  # one of them could not be read
    assert (after.code, after.err) == (0, "")
    assert digest("editions", "list", "--json").json["editions"][0]["articles"] == 3
