"""How schedules and dates are written in digest.toml; durations, rates and addresses are in test_settings.py."""

import datetime as dt
import time
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.notation import read_dates
from digest.settings import NewsletterSettings, read_project_file

LETTER = """\
[newsletters.nytt]
title = "Nytt"
from = "Nytt <nytt@example.com>"
lists = ["alla"]
"""


def read(folder: Path, lines: str) -> NewsletterSettings:
    """Return the newsletter of a digest.toml with these lines in it."""
    (folder / "digest.toml").write_text(LETTER + lines, encoding="utf-8")
    return read_project_file(folder / "digest.toml").newsletter(None)


def refused(folder: Path, lines: str) -> str:
    """Return what is said of a digest.toml with these lines, behind the file's name."""
    with pytest.raises(ConfigError) as error:
        read(folder, lines)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{folder / 'digest.toml'}: ")


@pytest.mark.parametrize(
    "schedule",
    [
        "30 6 * * *", "0 6 * * 1-5", "0 6 * * mon-fri", "0 6 1 jan *", "*/30 * * * *", "0 6 29 2 *",
        "15,45 6-8/2 * * 7", "0 6 L * *", "0 6 LW * *", "0 6 * * 5L", "0 6 * * 1#2", "0 6 29 2 1",
    ],
)  # fmt: skip
def test_schedule_is_five_fields_with_numbers_or_names(tmp_path: Path, schedule: str) -> None:
    assert read(tmp_path, f"schedule = '{schedule}'").schedule == schedule


def test_schedule_is_kept_as_one_line(tmp_path: Path) -> None:
    assert read(tmp_path, 'schedule = """\n 30  6\t* *\n*"""').schedule == "30 6 * * *"


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("61 * * * *", "'61 * * * *' is no schedule: bad minute; write \"30 6 * * 1-5\""),
        ("0 24 * * *", "'0 24 * * *' is no schedule: bad hour; write"),
        ("0 6 32 * *", "'0 6 32 * *' is no schedule: bad day-of-month; write"),
        ("0 6 * 13 *", "'0 6 * 13 *' is no schedule: bad month; write"),
        ("0 6 * * 8", "'0 6 * * 8' is no schedule: bad day-of-week; write"),
        ("0 6 * * fre", "'0 6 * * fre' is no schedule: bad day-of-week; write"),
        ("0 6 5-1 * *", "'0 6 5-1 * *' is no schedule: bad day-of-month; write"),
        ("*/0 * * * *", "'*/0 * * * *' is no schedule: bad minute; write"),
        ("0 0 6 * * *", "'0 0 6 * * *' is no schedule; write minute, hour, day, month and weekday, as in"),
        ("06:30", "'06:30' is no schedule; write minute, hour, day, month and weekday, as in"),
        ("@daily", "'@daily' is no schedule; write minute, hour, day, month and weekday, as in"),
        ("", "'' is no schedule; write minute, hour, day, month and weekday, as in"),
        ("0 6 30 2 *", "'0 6 30 2 *' is no schedule: bad day-of-month; write"),
        ("0 6 31 4,6 *", "'0 6 31 4,6 *' is no schedule: bad day-of-month; write"),
    ],
)
def test_schedule_that_cannot_be_meant_is_refused_with_its_key(tmp_path: Path, schedule: str, words: str) -> None:
    assert refused(tmp_path, f"schedule = '{schedule}'").startswith(f"newsletters.nytt.schedule: {words}")


def test_schedule_that_is_no_text_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "schedule = 630") == "newsletters.nytt.schedule = 630: input should be a valid string"


def test_endless_number_in_a_schedule_is_refused_quickly(tmp_path: Path) -> None:
    begun = time.monotonic()
    said = refused(tmp_path, f"schedule = '{'9' * 5000} 6 * * *'")

    assert said.endswith(' is no schedule: a number too long; write "30 6 * * 1-5"')
    assert time.monotonic() - begun < 1


def test_expectation_without_a_schedule_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "expect_by = '07:15'")

    assert said == "newsletters.nytt: expect_by = '07:15' needs a schedule; write schedule = \"30 6 * * *\" beside it"
    assert read(tmp_path, "expect_by = '07:15'\nschedule = '30 6 * * *'").expect_by == "07:15"


@pytest.mark.parametrize("nothing", ["0", "0h"])
def test_no_time_at_all_to_begin_in_is_refused(tmp_path: Path, nothing: str) -> None:
    said = refused(tmp_path, f"send_before = '{nothing}'")

    assert (
        said
        == "newsletters.nytt.send_before: 0 would hold every edition; write 6h, or 7d where late is better than never"
    )


def test_dates_are_one_or_a_range() -> None:
    christmas, epiphany = dt.date(2025, 12, 24), dt.date(2026, 1, 6)

    assert read_dates("2025-12-24") == (christmas, christmas)
    assert read_dates("2025-12-24..2026-01-06") == (christmas, epiphany)


def test_skipped_dates_are_ranges(tmp_path: Path) -> None:
    settings = read(tmp_path, "skip_dates = ['2025-12-24..2026-01-06', '2026-06-19']")

    assert settings.skipped == (
        (dt.date(2025, 12, 24), dt.date(2026, 1, 6)),
        (dt.date(2026, 6, 19), dt.date(2026, 6, 19)),
    )
