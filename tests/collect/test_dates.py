"""Dates as sources write them."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.dates import Moment, any_moment, believed

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
SIX = dt.datetime(2025, 11, 30, 5, tzinfo=dt.UTC)  #: six in the morning in Stockholm


def moment(text: str) -> Moment | None:
    return any_moment(text, STOCKHOLM, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 30 Nov 2025 06:00:00 +0100",
        "Sun, 30 Nov 2025 06:00:00 CET",
        "Sun, 30 Nov 2025 06:00:00 MEZ",
        "Sun, 30 Nov 2025 07:00:00 CEST",
        "Sun, 30 Nov 2025 00:00:00 EST",
        "Sat, 29 Nov 2025 21:00:00 PST",
        "Sun, 30 Nov 2025 05:00:00 GMT",
        "Sun, 30 Nov 2025 05:00:00 Z",
        "Sun, 30 Nov 2025 06:00 GMT+1",
        "Sun, 30 Nov 25 05:00:00 UT",
        "30 Nov 125 05:00:00 -0000",
        "Sunday, 30-Nov-25 05:00:00 GMT",
        "Sun Nov 30 06:00:00 CET 2025",
        "Sun Nov 30 06:00:00 2025",
        "Sun, 30 Nov 2025 06:00:00 Ingenstans",
        "Sun, 30 Nov 2025 06:00:00 +9999",
        "sön, 30 nov 2025 06:00:00 +0100",
        "söndag 30 november 2025 kl. 06.00",
        "Publicerad: 30 november 2025 06:00",
        "Sonntag, 30. November 2025, 06:00 Uhr",
        "søndag 30. november 2025 kl. 06.00",
        "dimanche 30 novembre 2025 à 6h00",
        "November 30, 2025 6:00 am",
        "2025-11-30T05:00:00Z",
        "2025-11-30T06:00:00+01:00",
        "2025-11-30T06:00:00+0100",
        "2025-11-30T06:00:00.000+01",
        "2025-11-30 06:00:00",
        "2025-11-30 06:00",
        "20251130T060000",
        "2025-334T06:00",
        "2025-W48-7T06:00",
        "30.11.2025 06:00",
        "30/11/2025 06:00",
        "1764478800",
        "1764478800000",
        "idag 06:00",
        "Today, 6:00 a.m.",
    ],
)
def test_time_is_read_however_it_is_written(text: str) -> None:
    assert moment(text) == Moment(SIX)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-30",
        "20251130",
        "2025/11/30",
        "30.11.2025",
        "30/11/25",
        "11/30/2025",
        "30 november 2025",
        "Sun, 30 Nov 2025",
        "November 30th, 2025",
        "den 30 nov. 2025",
        "30 november",
        "Idag",
        "mié, 30 noviembre 2025",
    ],
)
def test_date_alone_stays_a_date_in_the_zone_of_its_source(text: str) -> None:
    assert moment(text) == Moment(dt.datetime(2025, 11, 29, 23, tzinfo=dt.UTC), dt.date(2025, 11, 30))


@pytest.mark.parametrize(
    ("text", "on"),
    [("24 december", (2024, 12, 24)), ("igår", (2025, 11, 29)), ("2025-11", (2025, 11, 1)), ("2025", (2025, 1, 1))],
)
def test_what_a_date_leaves_out_is_the_latest_that_fits(text: str, on: tuple[int, int, int]) -> None:
    found = moment(text)

    assert found is not None
    assert found.on == dt.date(*on)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2025-11-30T24:00:00Z", dt.datetime(2025, 12, 1, tzinfo=dt.UTC)),
        ("Sun, 30 Nov 2025 23:59:60 GMT", dt.datetime(2025, 12, 1, tzinfo=dt.UTC)),
        ("30 Mar 2025 02:30", dt.datetime(2025, 3, 30, 1, 30, tzinfo=dt.UTC)),
        ("mar. 25 nov. 2025 06:00", dt.datetime(2025, 11, 25, 5, tzinfo=dt.UTC)),
        ("1 Jul 2025 06:00", dt.datetime(2025, 7, 1, 4, tzinfo=dt.UTC)),
    ],
)
def test_edges_of_days_and_clocks(text: str, at: dt.datetime) -> None:
    found = moment(text)

    assert found is not None
    assert found.at == at


@pytest.mark.parametrize(
    "text",
    [
        *("", "snart", "0000-00-00", "31 Feb 2025 10:00", "2025-13-01", "30 Nov 2025 25:00", "7 artiklar", "9" * 30),
        *("12:30", "2 dagar sedan", "Nov", "2025-02-29", "1. Ett. Och 2. Två", "x" * 101 + " 30 nov 2025"),
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert moment(text) is None


def test_dates_that_programs_write_for_none_and_those_far_ahead_are_not_believed() -> None:
    for text in (
        "0001-01-01T00:00:00Z",
        "1900-01-01",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "2025-12-01T10:00Z",
        "2055-01-01",
    ):
        assert believed(moment(text), NOW) is None

    tomorrow = moment("2025-12-01T08:59:00Z")
    assert believed(tomorrow, NOW) == tomorrow
    assert believed(None, NOW) is None


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[0-9]{1,4}[-/. ][a-z0-9]{1,4}[-/. ][0-9]{1,4} [0-9:.+-]{0,9}")))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_no_text_stops_the_reader(text: str) -> None:
    found = moment(text)

    assert found is None or found.at.tzinfo is not None
