"""Whatever is typed, piped or configured: a result or a short error, and always an exit status.

`SOPHIA_TEST_FUZZ=3000` runs the long form, other lines each time; the short one is always the same.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sophia_cli.app import globals_of, hoisted
from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console, Ended
from tests.fuzz.lines import COMMANDS, REAL_ID, Command, Line, lines

_LONG = os.environ.get("SOPHIA_TEST_FUZZ")
_HANGS_AFTER = 30.0
# A usage message and its hint; as many lines again for a file or a configuration full of mistakes.
_MOST_LINES = 24
_ENVELOPE = ["status", "command", "duration_ms", "count", "data", "degraded", "trace", "error"]
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_came_to: Counter[tuple[str, ExitStatus]] = Counter()

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name or "none")
def test_every_command_line_ends_in_a_result_or_a_short_error(
    console: Console, command: Command
) -> None:
    @settings(
        max_examples=int(_LONG or 500) // len(COMMANDS) + 1,
        derandomize=_LONG is None,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(line=lines(command))
    def check(line: Line) -> None:
        _check(console, line)

    check()


def test_the_lines_got_far() -> None:
    """Runs after the one above: lines that all fail early would prove nothing."""
    if not _came_to:
        pytest.skip("counts what the generated lines came to")
    print(sum(_came_to.values()), "command lines:")
    print(
        *sorted(f"{name or '(none)'} {status.name}: {n}" for (name, status), n in _came_to.items())
    )
    carried_out = {name for name, status in _came_to if status is ExitStatus.OK}
    assert carried_out >= {command.name for command in COMMANDS} - {"", "recal"}
    for status in (ExitStatus.USAGE, ExitStatus.FAILED, ExitStatus.REFUSED, ExitStatus.PARTLY_DONE):
        assert any(status is each for _, each in _came_to), status


def _check(console: Console, line: Line) -> None:
    arguments = _with_real_ids(console, line.arguments)
    started = time.monotonic()
    ended = console(*arguments, stdin=line.stdin, variables=line.variables, terminal=line.terminal)
    assert time.monotonic() - started < _HANGS_AFTER
    front = globals_of(hoisted(arguments))
    _came_to[line.arguments[0] if line.arguments else "", ended.status] += 1
    _check_words(ended, debug="--debug" in front, terminal=line.terminal)
    if "--json" in front and not _prints_text(arguments):
        _check_envelope(ended)


def _with_real_ids(console: Console, arguments: tuple[str, ...]) -> list[str]:
    if not any(word.startswith(REAL_ID) for word in arguments):
        return list(arguments)
    id_ = console.remember("One more, so that there is something to work on")
    known = {REAL_ID: id_, f"{REAL_ID}8": id_[:8]}
    return [known.get(word, word) for word in arguments]


def _prints_text(arguments: list[str]) -> bool:
    """Help, the version, an export to stdout and a loan of the vectors are no results."""
    return bool(
        {"--help", "-h", "--version", "export", "lend-vectors"} & set(arguments)
    ) or not set(arguments) - {"--json", "config", "-q", "-v", "--no-color", "--debug"}


def _check_words(ended: Ended, *, debug: bool, terminal: bool) -> None:
    assert "an error in sophia itself" not in ended.out + ended.err, ended.err
    if not debug:
        assert "Traceback" not in ended.out + ended.err, ended.err
        assert len(ended.err.splitlines()) <= _MOST_LINES, ended.err
        assert all(len(line) < 2_000 for line in ended.err.splitlines()), ended.err[:3_000]
    assert not _CONTROL.search(ended.err) or terminal or debug, repr(ended.err)
    if not terminal:
        assert not _CONTROL.search(ended.out), repr(ended.out[:2_000])
    if ended.status not in (ExitStatus.OK, ExitStatus.PARTLY_DONE):
        assert ended.err or ended.out


def _check_envelope(ended: Ended) -> None:
    assert ended.out.count("\n") == 1, ended.out[:2_000]
    envelope = json.loads(ended.out)
    assert list(envelope) == _ENVELOPE
    assert envelope["count"] == len(envelope["data"])
    succeeded = ended.status is ExitStatus.OK
    assert envelope["status"] in (("ok", "degraded") if succeeded else ("error", "degraded"))
    if envelope["error"] is not None:
        assert list(envelope["error"]) == ["code", "message", "hint"]
        assert not succeeded
