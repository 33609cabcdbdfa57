import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import time_machine

from tests.cli.conftest import TOML, Run

SCHEDULED = TOML.replace("\n[lists", '\nschedule = "30 2 * * *"\nskip_dates = ["2025-12-03..2025-12-04"]\n\n[lists', 1)
BY_HAND = '\n[newsletters.lager]\ntitle = "Lager"\nfrom = "lager@example.com"\nlists = ["industri"]\n'
NOON = dt.datetime(2025, 11, 30, 11, tzinfo=dt.UTC)


@pytest.fixture
def scheduled(ready: Path) -> Path:
    """A project with articles, readers and a schedule, and a newsletter that goes out by hand."""
    (ready / "digest.toml").write_text(SCHEDULED + BY_HAND, encoding="utf-8")
    return ready


def test_plan_says_what_was_and_what_is_to_come(scheduled: Path, digest: Run) -> None:
    with time_machine.travel(NOON, tick=True):
        shown = digest("schedule", "show", "--days", 6)

    assert shown.code == 0
    assert shown.out.splitlines() == [
        "newsletter\tdate\tlocal time\tUTC\treaders\tarticles\t",
        "nyheter\t2025-11-30\tSun 02:30 +01:00\tSun 01:30\t\t\tmissing, not begun",
        "nyheter\t2025-12-01\tMon 02:30 +01:00\tMon 01:30\t3\t2\t",
        "nyheter\t2025-12-02\tTue 02:30 +01:00\tTue 01:30\t3\t\t",
        "nyheter\t2025-12-03\tWed 02:30 +01:00\tWed 01:30\t\t\tskipped: skip_dates",
        "nyheter\t2025-12-04\tThu 02:30 +01:00\tThu 01:30\t\t\tskipped: skip_dates",
        "nyheter\t2025-12-05\tFri 02:30 +01:00\tFri 01:30\t3\t\t",
    ]
    assert shown.err == "lager has no schedule: it goes out by hand only\n"


@pytest.mark.parametrize(
    ("now", "row"),
    [
        ("2026-03-28", "03:00 +02:00\tSun 01:00\t3\t0\tclocks go forward; 02:30 never comes that night"),
        ("2026-10-24", "02:30 +02:00\tSun 00:30\t3\t0\tclocks go back; 02:30 comes twice, the first counts"),
    ],
)
def test_nights_on_which_clocks_change_are_marked(scheduled: Path, digest: Run, now: str, row: str) -> None:
    with time_machine.travel(dt.datetime.fromisoformat(f"{now}T12:00Z"), tick=True):
        shown = digest("schedule", "show", "nyheter", "--days", 2)

    assert shown.out.splitlines()[2].partition("Sun ")[2] == row


def test_plan_is_given_to_programs(scheduled: Path, digest: Run) -> None:
    with time_machine.travel(NOON, tick=False):
        shown = digest("schedule", "show", "--days", 4, "--json").json

    assert list(shown) == ["schema", "now", "dates", "last", "unscheduled"]
    assert (shown["schema"], shown["now"], shown["unscheduled"]) == (1, "2025-11-30T11:00:00+00:00", ["lager"])
    assert [list(one) for one in shown["dates"]] == [
        ["newsletter", "date", "wall", "utc", "clock_change", "skipped", "readers", "articles", "state"]
    ] * 3
    assert shown["dates"][0] == {
        "newsletter": "nyheter", "date": "2025-12-01", "wall": "2025-12-01T02:30:00+01:00",
        "utc": "2025-12-01T01:30:00+00:00", "clock_change": None, "skipped": False, "readers": 3, "articles": 2,
        "state": None,
    }  # fmt: skip
    assert shown["last"] == [
        {
            "newsletter": "nyheter", "date": "2025-11-30", "wall": "2025-11-30T02:30:00+01:00",
            "utc": "2025-11-30T01:30:00+00:00", "state": "missing", "reason": "",
        }
    ]  # fmt: skip


def test_edition_that_went_out_is_what_became_of_the_last_date(scheduled: Path, digest: Run) -> None:
    with time_machine.travel(NOON, tick=True):
        assert digest("send", "nyheter").code == 0
        shown = digest("schedule", "show", "nyheter", "--json").json

    assert [one["state"] for one in shown["last"]] == ["rehearsed"]
    assert shown["dates"][0]["articles"] == 0


def test_unknown_newsletter_and_a_bad_number_of_days_are_refused(scheduled: Path, digest: Run) -> None:
    assert digest("schedule", "show", "nyhter").code == 4
    assert digest("schedule", "show", "--days", 0).code == 2


def test_line_for_cron_is_printed(project: Path, digest: Run) -> None:
    printed = digest("schedule", "print", "--cron")

    program = Path(sys.executable).with_name("digest")
    assert printed.code == 0
    assert printed.err == ""
    assert printed.out.splitlines()[-1] == f"*/5 * * * *  {program} send --due --collect --project {project}"


def test_units_for_systemd_are_printed_in_one_go(project: Path, digest: Run) -> None:
    printed = digest("schedule", "print", "--systemd", "--project", project)

    assert [line for line in printed.out.splitlines() if line.startswith("# /")] == [
        "# /etc/systemd/system/digest-project.service", "# /etc/systemd/system/digest-project.timer",
    ]  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--cron", "--systemd"]])
def test_one_kind_is_printed_at_a_time(project: Path, digest: Run, options: list[str]) -> None:
    refused = digest("schedule", "print", *options)

    assert (refused.code, refused.out) == (2, "")
    assert "name one of --cron and --systemd" in refused.err


def test_running_without_a_project_is_refused_at_once(digest: Run) -> None:
    assert digest("schedule", "run").code == 4


def test_schedule_runs_in_front_until_it_is_stopped(scheduled: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "digest", "schedule", "run"],
        cwd=scheduled,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        until = time.monotonic() + 20
        while not (found := children(running.pid)):
            assert time.monotonic() < until
            time.sleep(0.02)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)
    finally:
        running.kill()

    assert running.returncode == 0
    assert found == [["send", "--due", "--project", str(scheduled)]]


def children(parent: int) -> list[list[str]]:
    """Return what the child processes of one were called with, behind ``-m digest``."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_text().split("\0")[:-1] for child in found]
    # One that has only just been forked is still called what its parent is.
    return [words[words.index("digest") + 1 :] for words in commands if "send" in words]


def test_schedule_that_nobody_has_is_told(project: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "digest", "schedule", "run", "--collect"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert running.stderr is not None
    try:
        first = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    finally:
        running.kill()

    assert first == 'no newsletter has a schedule; write schedule = "30 6 * * *" into digest.toml\n'


def test_help_of_the_commands_is_quick() -> None:
    asked = "import sys; from digest.cli.app import run; run(['schedule', '--help']); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert not {"cronsim", "httpx2", "sqlalchemy"} & set(ran.stdout.splitlines()[-1].split())
