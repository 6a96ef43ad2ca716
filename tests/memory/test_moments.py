"""Moments as people and chat programs write them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.moments import moment_of_epoch, parse_clock, parse_expiry, parse_moment

NOW = datetime(2024, 5, 31, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2024-05-31T12:30"),
        ("Today", "2024-05-31T00:00"),
        ("yesterday", "2024-05-30T00:00"),
        ("yesterday at 3:15 pm", "2024-05-30T15:15"),
        ("2 days ago", "2024-05-29T12:30"),
        ("an hour ago", "2024-05-31T11:30"),
        ("3 weeks ago", "2024-05-10T12:30"),
        ("3 months ago", "2024-02-29T12:30"),
        ("1 year ago", "2023-05-31T12:30"),
        ("2024-05-01", "2024-05-01T00:00"),
        ("2024-05-01 10:00", "2024-05-01T10:00"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00"),
        ("2024-05-01T10:00+02:00", "2024-05-01T08:00"),
        ("2024/5/1 3:15 pm", "2024-05-01T15:15"),
        ("2024-05-01 12:00 am", "2024-05-01T00:00"),
        ("1:56 pm on 8 May, 2023", "2023-05-08T13:56"),
        ("8 May 2023 at 13:56", "2023-05-08T13:56"),
        ("Monday, 8th May 2023", "2023-05-08T00:00"),
        ("May 8, 2023, 1:56 p.m.", "2023-05-08T13:56"),
        ("Sept. 3 2024", "2024-09-03T00:00"),
        ("[01/05/2024, 10:00:12]", "2024-05-01T10:00:12"),
        ("\u200e1/5/24, 10:00\u202fAM", "2024-05-01T10:00"),
        ("Wed May 1 10:00:00 2024 +0200", "2024-05-01T08:00"),
        ("Wed, 1 May 2024 10:00:00 -0530", "2024-05-01T15:30"),
    ],
)
def test_moments_that_are_understood(text: str, expected: str) -> None:
    assert parse_moment(text, NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_moment_is_in_utc_whatever_zone_now_is_in() -> None:
    now = datetime(2024, 5, 31, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert parse_moment("today", now) == datetime(2024, 5, 30, tzinfo=UTC)
    assert parse_moment("now", now).tzinfo is UTC


def test_month_first_is_only_read_where_it_is_asked_for() -> None:
    assert parse_moment("05/13/2024", NOW, month_first=True).month == 5
    with pytest.raises(InvalidInput):
        parse_moment("05/13/2024", NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1683554160",
        "1700010112345",
        "10",
        "10:00",
        "2024-02-30",
        "2024-05-01 25:00",
        "2024-05-01 13:00 pm",
        "1 May 2024 10",
        "8 Mayhem 2024",
        "0000-01-01",
        "10000-01-01",
        "0001-01-01T00:00+05:00",
        "9999-12-31T23:59-05:00",
        "999999999 days ago",
        "9999 years ago",
        "９ May 2023",
        "2024-05-01T10:00+99:00",
        "\ud800",
        "9" * 1_000_000,
        "1 May " * 200_000,
    ],
)
def test_what_is_no_moment_is_refused_in_one_line_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_moment(text, NOW)
    assert "\n" not in refused.value.message and len(refused.value.message) < 300
    assert "2024-05-01" in refused.value.hint


def test_expiry_is_a_duration_or_a_moment() -> None:
    assert parse_expiry("30d", NOW) == NOW + timedelta(days=30)
    assert parse_expiry("2030-01-31", NOW) == datetime(2030, 1, 31, tzinfo=UTC)
    for text in ("30", "", "later", "d", "1e9d", "99999999d"):
        with pytest.raises(InvalidInput):
            parse_expiry(text, NOW)
    with pytest.raises(InvalidInput):
        parse_expiry("30d", datetime(9999, 12, 31, tzinfo=UTC))


def test_clock_is_on_the_given_day() -> None:
    assert parse_clock("3:15 pm", NOW) == datetime(2024, 5, 31, 15, 15, tzinfo=UTC)
    with pytest.raises(InvalidInput):
        parse_clock("99:99", NOW)


def test_epoch_is_read_in_seconds_and_in_milliseconds() -> None:
    expected = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)
    assert moment_of_epoch(1714557600) == moment_of_epoch(1714557600000) == expected
    for seconds in (float("nan"), float("inf"), 10**400, 1e300):
        with pytest.raises(InvalidInput):
            moment_of_epoch(seconds)


@given(st.one_of(st.text(), st.from_regex(r"[0-9:/. tzTZ+-]{1,40}|[0-9]{1,9} \w+ ago")))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    for parse in (parse_moment, parse_expiry, parse_clock):
        with contextlib.suppress(InvalidInput):
            assert parse(text, NOW).tzinfo is UTC


@given(st.datetimes(timezones=st.timezones()))
def test_iso_round_trip(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    if moment.utcoffset() == timedelta(seconds=round(moment.utcoffset().total_seconds())):
        assert parse_moment(moment.isoformat(), NOW) == expected
