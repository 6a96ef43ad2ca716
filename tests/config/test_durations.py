from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.config.durations import format_duration, parse_duration
from sophia_cli.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("30d", 2592000),
        ("2.5", 2.5),
        ("0", 0),
        (" 1.5 h ", 5400),
        ("36500d", 36500 * 86400),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "s", "-1s", "5 minutes", "1h30m", "1e3", "nan", "inf", "٣s", "36501d", "9" * 15, "1" * 99],
)
def test_what_is_no_duration_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_duration(text)
    assert "\n" not in raised.value.message
    assert raised.value.hint


@given(st.integers(0, 36500 * 86400 * 1000))
def test_a_written_duration_reads_back_as_itself(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration
