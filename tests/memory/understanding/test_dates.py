"""Stretches of time that questions name: the table, and what holds for any text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.memory.understanding.dates import Anchored, Span, spans_in

NOW = datetime(2024, 5, 15, 12, tzinfo=UTC)
TABLE = [
    line.split("\t")
    for line in Path(__file__).with_name("dates.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
_LISTED = """
a an the of in on at by from to until between and since before after during early late mid- last
this next past two 3 31 29th few couple days weeks month year years ago week weekend day quarter
half first second may May march Sat Monday - friday February spring fall Christmas Easter 2023 '23
1999 2023-05 2023-02-30 5/8/2023 13/45/2023 9999 90s Q3 yesterday recently launch Ann's our . , ? İ
"""
JUNK = st.lists(st.sampled_from(_LISTED.split()), max_size=14).map(" ".join)
MOMENTS = st.datetimes(timezones=st.timezones()) | st.sampled_from(
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
        datetime(9999, 12, 31, tzinfo=UTC),
        datetime(4, 2, 29, tzinfo=UTC),
    ]
)


def written(span: Span | Anchored) -> str:
    """A span as the table writes it."""
    if isinstance(span, Anchored):
        return f"{span.phrase} = {span.earliest.days}..{span.latest.days} of {span.anchor}"
    start, end = (moment.date().isoformat() if moment else "" for moment in (span.start, span.end))
    return f"{span.phrase} = {start}..{end}{' yearly' if span.yearly else ''}"


@pytest.mark.parametrize(("now", "text", "expected"), TABLE)
def test_question_names_the_times_of_the_table(now: str, text: str, expected: str) -> None:
    spans = spans_in(text, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (" ; ".join(map(written, spans)) or "-") == expected


def test_table_has_enough_of_both_and_no_question_twice_at_the_same_time() -> None:
    without = sum(expected == "-" for *_, expected in TABLE)
    assert without >= 30
    assert len(TABLE) - without >= 80
    assert len({(now, text) for now, text, _ in TABLE}) == len(TABLE)


def test_days_are_those_of_utc_whatever_zone_now_is_in() -> None:
    now = datetime(2024, 5, 15, 1, tzinfo=timezone(timedelta(hours=2)))
    assert spans_in("what did I do today?", now) == [
        Span("today", datetime(2024, 5, 14, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC))
    ]


def test_anchor_is_the_event_alone_and_the_offset_is_relative_to_its_day() -> None:
    assert spans_in("Who joined two days before the Launch, and why?", NOW) == [
        Anchored("two days before the Launch", "the Launch", timedelta(days=-2), timedelta(days=-1))
    ]


@pytest.mark.parametrize("year", range(1900, 2100))
def test_each_year_has_its_holidays_in_order(year: int) -> None:
    names = ("Valentine's Day", "Easter", "Memorial Day", "Labor Day", "Thanksgiving", "Christmas")
    starts = []
    for name in names:
        (span,) = spans_in(f"on {name} {year}", NOW)
        assert isinstance(span, Span)
        assert span.start
        starts.append(span.start)
    assert starts == sorted(starts)
    assert [start.weekday() for start in starts[1:5]] == [6, 0, 0, 3]


@given(st.text() | JUNK, MOMENTS)
def test_any_text_at_any_time_gives_spans_that_stand_in_it_and_are_not_empty(
    text: str, now: datetime
) -> None:
    rest = text
    for span in spans_in(text, now):
        _, phrase, rest = rest.partition(span.phrase)
        assert phrase
        if isinstance(span, Anchored):
            assert span.anchor in span.phrase
            assert span.earliest < span.latest
            continue
        assert span.start or span.end
        if span.start and span.end:
            assert span.start < span.end
        for moment in filter(None, (span.start, span.end)):
            assert moment.tzinfo is UTC
            assert (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0)
        if span.yearly:
            assert span.start
            assert span.start.date() - now.date() <= timedelta(days=1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "junk",
    [
        "in may ",
        "the end of the first week of may ",
        "between 3 may and 9 june 2023 from ",
        "from monday - ",
        "two days before the ",
        "before the launch of Ann's ",
        "2023-05-",
        "2023-05-08T1",
        "1.",
        "1",
        "+1 ",
        "port 2023.1",
        "every  ",
        "may ",
        "may\t\t\t\t",
        "a couple of few ",
        "last week of the ",
        "İ may 2023 ",
    ],
)
def test_64_kb_of_what_looks_like_dates_take_no_absurd_time(junk: str) -> None:
    text = junk * (65536 // len(junk))
    spans = spans_in(text, NOW)
    assert all(span.phrase in text for span in spans[:50])
