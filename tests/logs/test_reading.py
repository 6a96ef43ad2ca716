"""Reading logs: the last lines, chosen and merged, and following a file wherever it goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sophia_cli.errors import InvalidInput
from sophia_cli.logs.choice import Choice, Pattern
from sophia_cli.logs.file import LogFile, aside, cut, make_room
from sophia_cli.logs.lines import LogName
from sophia_cli.logs.reading import Growing, last

START = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)


def ours(minute: int, event: str, level: str = "info", request: str = "r") -> bytes:
    at = (START + timedelta(minutes=minute)).isoformat()
    fields = f'"level":"{level}","event":"{event}","request":"{request}"'
    return f'{{"timestamp":"{at}",{fields}}}\n'.encode()


def postgres(minute: int, text: str) -> bytes:
    return f"{START + timedelta(minutes=minute):%Y-%m-%d %H:%M}:00.000 UTC [1] {text}\n".encode()


def events(path: Path, count: int, choice: Choice | None = None) -> list[str]:
    return [line.event for line in last({LogName.RESIDENT: path}, count, choice or Choice())]


def test_the_last_lines_go_back_through_what_was_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = LogFile(path, 200, 100)
    for number in range(40):
        file.write(ours(number, str(number)))
    assert aside(path, 5).exists()
    for count in (1, 2, 7, 40, 1000):
        assert events(path, count) == [str(number) for number in range(40)][-count:]
    assert events(tmp_path / "none.log", 5) == []


def test_lines_longer_than_a_block_and_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    long = "x" * 30_000
    path.write_bytes(b"".join(ours(n, f"{n} {long}") for n in range(8)) + b"\n\n" + b"no end")
    assert [event[:6] for event in events(path, 9)] == [*(f"{n} xxxx" for n in range(8)), "no end"]


def test_lines_are_chosen_by_time_level_request_and_pattern(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(
        ours(0, "old")
        + b"  beside old\n"
        + ours(5, "slow", "warning", "a")
        + ours(4, "late by a minute", "info", "b")
        + ours(6, "broken", "error", "a")
        + b"  beside broken\n"
    )
    since = Choice(since=START + timedelta(minutes=5))
    assert events(path, 9, since) == ["slow", "broken", "  beside broken"]
    assert events(path, 9, Choice(level="warning")) == ["slow", "broken"]
    assert events(path, 9, Choice(level="error", request="a")) == ["broken"]
    assert events(path, 9, Choice(request="a")) == ["slow", "broken"]
    assert events(path, 1, Choice(request="b")) == ["late by a minute"]
    assert events(path, 9, Choice(pattern=Pattern("l.te|^ +beside b"))) == [
        "late by a minute",
        "  beside broken",
    ]


def test_several_logs_are_merged_by_time(tmp_path: Path) -> None:
    paths = {LogName.RESIDENT: tmp_path / "r.log", LogName.POSTGRES: tmp_path / "p.log"}
    paths[LogName.RESIDENT].write_bytes(ours(1, "1") + ours(3, "3") + ours(5, "5"))
    paths[LogName.POSTGRES].write_bytes(
        postgres(2, "LOG:  2") + b"\tbeside 2\n" + postgres(4, "LOG:  4")
    )
    merged = [line.event for line in last(paths, 5, Choice())]
    assert merged == ["2", "\tbeside 2", "3", "4", "5"]


def test_a_log_is_followed_to_the_file_that_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = LogFile(path, 150, 100)
    growing = Growing(LogName.RESIDENT, path, Choice())
    seen: list[str] = []
    for number in range(60):
        file.write(ours(number, str(number)))
        if number % 7 == 6:  # Several files may have come and gone between two looks.
            seen += [line.event for line in growing.lines()]
    seen += [line.event for line in growing.lines()]
    assert seen == [str(number) for number in range(60)]
    with path.open("ab") as other:  # of another process, which has not noticed yet
        make_room(path, 1000)
        path.rename(aside(path, 1))
        path.write_bytes(ours(61, "61"))
        seen = [line.event for line in growing.lines()]
        other.write(ours(60, "late"))
    assert [*seen, *(line.event for line in growing.lines())] == ["61", "late"]
    growing.close()


def test_a_servers_log_is_followed_when_it_is_copied_and_emptied(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    seen: list[str] = []
    with path.open("ab", buffering=0) as server:
        server.write(postgres(0, "LOG:  before"))
        growing = Growing(LogName.POSTGRES, path, Choice())
        for number in range(9):
            server.write(postgres(number, f"LOG:  {number}"))
            if number % 3 == 1:
                cut(path, 1, 3)
            if number % 3 == 2:
                seen += [line.event for line in growing.lines()]
    assert seen == [str(number) for number in range(9)]
    growing.close()


def test_a_log_that_is_copied_and_not_yet_emptied_is_not_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(postgres(0, "LOG:  before"))
    growing = Growing(LogName.POSTGRES, path, Choice())
    aside(path, 1).write_bytes(path.read_bytes())
    assert list(growing.lines()) == []
    with path.open("ab") as server:
        server.truncate(0)
        server.write(postgres(1, "LOG:  1"))
    assert [line.event for line in growing.lines()] == ["1"]
    growing.close()


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    growing = Growing(LogName.RESIDENT, path, Choice(level="warning"))
    assert list(growing.lines()) == []
    whole = ours(1, "whole", "error")
    with path.open("ab", buffering=0) as file:
        file.write(ours(0, "not wanted") + whole[:20])
        assert list(growing.lines()) == []
        file.write(whole[20:])
        assert [line.event for line in growing.lines()] == ["whole"]
    growing.close()


def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    for expression in ("(a+)+$", "(a|aa)+$", "(.*)*x", ".*.*.*.*.*x"):
        assert not Pattern(expression).is_in("a" * 5000 + "!")
    assert Pattern("(?i)BREAKER.*open").is_in('"event":"breaker opened"')


@pytest.mark.parametrize(
    "expression",
    ["(", "[", "*", "a{2,1}", r"(a)\1", "(?=a)", "((a{1000}){1000}){1000}", "a" * 1001],
)
def test_what_is_no_pattern_is_said_in_one_line(expression: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Pattern(expression)
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 100
