"""Lines as each process writes them; and any others."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.logs.lines import LogName, read

AT = datetime(2026, 11, 28, 14, 2, 11, 123000, UTC)


@pytest.mark.parametrize(
    ("raw", "level", "event", "fields"),
    [
        ("[71] LOG:  ready", "info", "ready", {"pid": 71}),
        ("[71] sophia ERROR:  no: not so", "error", "no: not so", {"pid": 71}),
        ("[7] sophia 5c1a WARNING:  slow", "warning", "slow", {"pid": 7, "request": "5c1a"}),
        ("[71] [unknown] FATAL:  no", "error", "no", {"pid": 71}),
        ("[71]  DEBUG1:  much", "info", "much", {"pid": 71}),
    ],
)
def test_lines_of_postgres(raw: str, level: str, event: str, fields: dict[str, object]) -> None:
    line = read(LogName.POSTGRES, f"2026-11-28 14:02:11.123 UTC {raw}".encode())
    assert (line.at, line.level, line.event, line.fields) == (AT, level, event, fields)


def test_lines_of_valkey_are_in_the_machines_own_time() -> None:
    local = AT.astimezone().strftime("%d Nov %Y %H:%M:%S.123")
    line = read(LogName.VALKEY, f"71:M {local} # out of memory".encode())
    assert (line.at, line.level, line.event) == (AT, "warning", "out of memory")


def test_our_own_lines() -> None:
    fields = {"level": "warning", "event": "peer left out", "request": "5c1a", "peer": "x"}
    raw = json.dumps({"timestamp": "2026-11-28T14:02:11.123000Z", **fields}).encode()
    line = read(LogName.RESIDENT, raw)
    assert (line.at, line.level, line.event) == (AT, "warning", "peer left out")
    assert line.request == "5c1a"
    assert line.as_json() == {
        "log": "resident",
        "timestamp": "2026-11-28T14:02:11.123000Z",
        **fields,
    }


@given(st.sampled_from(list(LogName)), st.binary(max_size=200) | st.text(max_size=200))
def test_any_other_line_is_shown_as_it_is(log: LogName, given: bytes | str) -> None:
    raw = given.encode(errors="replace") if isinstance(given, str) else given
    line = read(log, raw)
    assert line.at is not None or line.event == line.text
    json.dumps(line.as_json())


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 50_000, b"1" * 100_000, b"null", b""])
def test_a_line_that_is_made_to_hurt_does_not(raw: bytes) -> None:
    assert read(LogName.RESIDENT, raw).at is None
    assert read(LogName.POSTGRES, raw).at is None
    assert read(LogName.VALKEY, raw).at is None
