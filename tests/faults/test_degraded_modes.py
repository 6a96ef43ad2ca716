"""Every cell of the table in docs/degraded.md, on engines that are killed, frozen and made to lie.

The vectors are the stand-in with the real engine behind it, in a process of its own.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Ended
from tests.faults import table
from tests.faults.stage import SECONDS, Stage, stage

ROWS = table.rows()
TIERS = ("records", "vectors", "hot_cache", "embedding", "gpu")
FAULTS = ("down", "slow", "lying")
BACK_WITHIN = 5.0
# What the commands themselves may take on a machine at work, beyond what they wait for.
WORK = 2.5
FERRY = "The ferry to Heligoland leaves at nine from pier four"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def theatre() -> Iterator[Stage]:
    root = Path(tempfile.mkdtemp(prefix="sophia-test-", dir="/tmp"))
    try:
        with stage(root) as opened:
            yield opened
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_the_table_is_complete() -> None:
    assert [(row.tier, row.fault) for row in ROWS] == [(t, f) for t in TIERS for f in FAULTS]
    known = table.outcomes()
    for row in ROWS:
        assert len(row.outcomes) >= 8
        assert set(row.outcomes.values()) <= set(known)
    assert set(known) == {outcome for row in ROWS for outcome in row.outcomes.values()}
    assert set(known) == set(CHECKS)
    assert set(ROWS[0].outcomes) == set(_commands("an-id", "another", 0))


@pytest.mark.parametrize(
    "row",
    ROWS,
    ids=lambda row: f"{row.tier}-{row.fault}",
)
def test_each_command_has_the_outcome_that_the_table_names(theatre: Stage, row: table.Row) -> None:
    console = theatre.console
    number = next(_numbers)
    console.remember(f"{FERRY}, says note {number}")
    changed = console.remember(f"The lighthouse keeper of note {number} is Jan")
    doomed = console.remember(f"The harbour fee of note {number} is ten crowns")
    _is_normal(theatre, number)
    once, then = (table.seconds(cell, SECONDS) for cell in (row.once, row.then))
    wrong = []
    with theatre.faults[row.tier, row.fault]():
        for name, arguments in _commands(changed, doomed, number).items():
            began = time.monotonic()
            ended = console("--json", *arguments)
            spent = time.monotonic() - began
            try:
                _check(row, name, ended, number)
                assert spent < once + then + WORK, f"took {spent:.1f} s"
            except AssertionError as error:
                wrong.append(f"{name} ({row.outcomes[name]}): {error}\n{ended}")
        # In a burst only those may wait that look whether the tier is back.
        spans = sorted(_seconds_of(lambda: _recall(theatre, number)) for _ in range(7))
        if spans[3] > 0.5:
            wrong.append(f"a recall goes on taking {spans[3]:.1f} s")
    returned = time.monotonic()
    while (back := _unlike_normal(theatre, number)) and time.monotonic() - returned < 20:
        time.sleep(0.05)
    spent = time.monotonic() - returned
    assert not wrong, "\n\n".join(wrong)
    assert not back, back
    assert spent < BACK_WITHIN, f"normal again after {spent:.1f} s"
    _caught_up(theatre, row, number, changed, doomed)


def _commands(changed: str, doomed: str, number: int) -> dict[str, list[str]]:
    """A command line for each command, in the order in which they are run."""
    return {
        "remember": ["remember", f"A seal slept on the beach of note {number}"],
        "recall": ["recall", _question(number)],
        "similar": ["similar", _question(number), "-n", "100"],  # a number means little to it
        "ask": ["ask", f"What did we say about the ferry to Heligoland in {_question(number)}"],
        "update": ["update", changed, f"The lighthouse keeper of note {number} is Ole"],
        "list": ["list"],
        "show": ["show", changed],
        "forget": ["forget", doomed],
        "stats": ["stats"],
    }


def _question(number: int) -> str:
    """One that nobody has asked, so that no cache can answer."""
    return f"when does the ferry leave, note {number}, question {next(_numbers)}?"


def _recall(theatre: Stage, number: int) -> Ended:
    return theatre.console("--json", "recall", _question(number))


def _seconds_of(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def _is_normal(theatre: Stage, number: int) -> None:
    deadline = time.monotonic() + 20
    while found := _unlike_normal(theatre, number):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def _unlike_normal(theatre: Stage, number: int) -> str:
    """What is not as always: in a recall, or in what the index owes."""
    ended = _recall(theatre, number)
    if ended.status is not ExitStatus.OK:
        return str(ended)
    found = ended.envelope
    if found["degraded"] or found["trace"]["served_by"] != "vectors" or not found["count"]:
        return str(found)
    owed, _ = theatre.opened.service.records.outbox.size()
    if theatre.opened.service.records.outbox.answers_to_erase():
        return "the hot cache still has to erase answers"
    return f"{owed} are owed" if owed else ""


def _caught_up(theatre: Stage, row: table.Row, number: int, changed: str, doomed: str) -> None:
    """What was acknowledged during the fault is there, what was erased is nowhere."""
    console = theatre.console

    def contents(question: str) -> list[str]:
        return [each["content"] for each in console.data("recall", question, "-n", "50")]

    stored = f"A seal slept on the beach of note {number}"
    done = row.outcomes["remember"] != "refused"
    assert (stored in contents(f"seal beach {_question(number)}")) is done
    keeper = console.data("show", changed)[0]["content"]
    assert keeper.endswith("Ole" if row.outcomes["update"] != "refused" else "Jan")
    assert keeper in contents(f"lighthouse keeper {_question(number)}")
    erased = row.outcomes["forget"] != "refused"
    fee = f"The harbour fee of note {number} is ten crowns"
    assert (fee in contents(f"harbour fee crowns {_question(number)}")) is not erased
    if erased:
        assert console("show", doomed).status is ExitStatus.FAILED


def _check(row: table.Row, name: str, ended: Ended, number: int) -> None:
    said = ended.out + ended.err
    assert "Traceback" not in said and "an error in sophia itself" not in said
    outcome = row.outcomes[name]
    assert ended.status == table.outcomes()[outcome]
    envelope = ended.envelope
    assert not any("\n" in line for line in envelope["degraded"])
    CHECKS[outcome](envelope, row.tier)
    if name in ("recall", "similar", "ask") and outcome != "refused":
        assert f"{FERRY}, says note {number}" in [each["content"] for each in envelope["data"]]


def _lines(envelope: dict[str, Any], tier: str) -> list[str]:
    """The lines of `degraded` that name the tier."""
    return [line for line in envelope["degraded"] if line.startswith(f"{tier}: ")]


def _normal(envelope: dict[str, Any], tier: str) -> None:
    assert (envelope["status"], envelope["degraded"]) == ("ok", [])


def _without(envelope: dict[str, Any], tier: str) -> None:
    assert envelope["status"] == "degraded"
    assert _lines(envelope, tier) == envelope["degraded"]


def _words(envelope: dict[str, Any], tier: str) -> None:
    assert envelope["trace"]["served_by"] == "records"
    assert any(line.endswith("answered by full-text search") for line in _lines(envelope, tier))


def _index(envelope: dict[str, Any], tier: str) -> None:
    assert envelope["trace"]["served_by"] == "vectors"
    assert any("which may still hold what was changed" in line for line in _lines(envelope, tier))


def _owed(envelope: dict[str, Any], tier: str) -> None:
    assert envelope["data"][0]["id"]
    assert any("to be indexed when it answers again" in line for line in _lines(envelope, tier))


def _partly(envelope: dict[str, Any], tier: str) -> None:
    tiers = envelope["data"][0]["tiers"]
    assert tiers["records"] == "erased"
    assert tiers[tier].startswith("to be erased")


def _refused(envelope: dict[str, Any], tier: str) -> None:
    assert envelope["error"]["code"] == "tier_down"
    assert envelope["error"]["message"].startswith(f"{tier}: ")
    assert "\n" not in envelope["error"]["message"]
    assert envelope["data"] == []


def _says(envelope: dict[str, Any], tier: str) -> None:
    assert _lines(envelope, tier)
    assert envelope["data"][0][tier]["error"]


CHECKS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "normal": _normal,
    "without": _without,
    "words": _words,
    "index": _index,
    "owed": _owed,
    "partly": _partly,
    "refused": _refused,
    "says": _says,
}
