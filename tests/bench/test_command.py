"""`sophia bench` in a small form: real engines, few memories, tenths of seconds."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sophia_cli.bench.result_file import as_document, read
from sophia_cli.bench.scenarios import SCENARIOS
from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.memory.service import MemoryService
from tests.bench.runs import full
from tests.commands.console import Console
from tests.conftest import Sophia, wait_until

SMALL = ("--memories", "60", "--seconds", "0.1")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """A user without a store: a benchmark touches nobody's."""
    root = tmp_path_factory.mktemp("bench")
    return Console(cast(MemoryService, None), Home(root / "home"), root)


@pytest.fixture(scope="module")
def measured(console: Console) -> dict[str, Any]:
    """One run for several tests, with its result and its report beside it."""
    ended = console.ok(
        *("--json", "bench", "embedding", "vectors", "cache", *SMALL),
        *("--out", "run.json", "--report", "run.html"),
    )
    [document] = ended.data
    return document


def test_there_is_each_scenario_that_was_promised() -> None:
    assert [*SCENARIOS] == [
        *("embedding", "vectors", "cache", "end-to-end", "rest", "recall", "ingest"),
        *("gpu", "comparison", "metrics", "gpu-cache", "scale"),
    ]


def test_json_holds_every_figure_with_interval_target_and_samples(
    measured: dict[str, Any],
) -> None:
    assert (measured["format"], measured["memories"]) == ("sophia-bench", 60)
    scenarios = {each["name"]: each for each in measured["scenarios"]}
    assert [*scenarios] == ["embedding", "vectors", "cache"]
    question = scenarios["embedding"]["figures"][0]
    assert question["name"] == "one question"
    assert question["target"] == {"value": 50, "of": "p95"}
    assert question["value"]["low"] <= question["value"]["value"] <= question["value"]["high"]
    assert len(question["quantiles"]) == 201 and question["samples"] >= 6
    assert scenarios["embedding"]["memories"] is None
    assert scenarios["vectors"]["memories"] == 60
    assert {figure["name"]: figure["unit"] for figure in scenarios["vectors"]["figures"]} == {
        "search by every signal": "ms",
        "nearest by meaning": "ms",
        "points written a second": "/s",
    }


def test_the_result_and_the_report_are_written(console: Console, measured: dict[str, Any]) -> None:
    assert as_document(read(console.cwd / "run.json")) == measured
    html = (console.cwd / "run.html").read_text()
    assert "points written a second" in html and "<svg" in html


def test_nothing_is_left_of_the_store_and_the_home_is_not_touched(
    console: Console, measured: dict[str, Any]
) -> None:
    assert measured
    assert not console.home.root.exists()
    assert not _stores(os.getpid())


def test_what_got_worse_is_told_and_ends_with_1(console: Console, measured: dict[str, Any]) -> None:
    old = json.loads((console.cwd / "run.json").read_text())
    for scenario in old["scenarios"]:
        for figure in scenario["figures"]:
            if figure["unit"] == "/s":
                figure["quantiles"] = [100 * each for each in figure["quantiles"]]
                figure["value"] = {name: 100 * each for name, each in figure["value"].items()}
    (console.cwd / "old.json").write_text(json.dumps(old))
    ended = console("bench", "vectors", *SMALL, "--compare", "old.json")
    assert ended.status is ExitStatus.FAILED
    [row] = [line for line in ended.out.splitlines() if "vectors: points written" in line]
    assert row.split()[-1] == "worse" and re.search(r"-(9\d|100)\b", row)
    # Whatever else the machine was busy with meanwhile.
    assert re.search(r"[1-9] worse, \d better", ended.out)
    assert "cache: only in the earlier result" in ended.out
    assert "AMD EPYC" in ended.out or "cores" in ended.out.splitlines()[0]
    assert "95 % interval" in ended.out and "≤ 100 ms (p95)" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["embeding"], "sophia: there is no scenario 'embeding'\n  did you mean embedding?\n"),
        (["end_to_end"], "did you mean end-to-end?"),
        (["x" * 500], "there are embedding, vectors, cache"),
        (["--memories", "0"], "--memories 0 is not between 1 and"),
        (["--memories", "many"], "--memories"),
        (["--seconds", "0"], "--seconds 0 is not between"),
        (["--seconds", "nan"], "--seconds nan is not between"),
        (["--compare", "nowhere.json"], "nowhere.json: No such file"),
        (["--compare", "."], "Is a directory"),
        (["--compare", "text.json"], "text.json: no result of `sophia bench`"),
        (["--compare", "later.json"], "a result of format version 99"),
        (["--report", "nowhere/page.html"], "--report: there is no directory"),
        (["--report", "."], "is a directory"),
        (["--out", "nowhere/run.json"], "--out: there is no directory"),
        (["--out", ""], "not a path"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(
    console: Console, arguments: list[str], said: str
) -> None:
    (console.cwd / "text.json").write_text("figures: good\n")
    (console.cwd / "later.json").write_text(json.dumps(as_document(full()) | {"version": 99}))
    started = time.monotonic()
    ended = console("bench", *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2, "an error and a hint"
    assert time.monotonic() - started < 2
    assert console("--json", "bench", *arguments).envelope["error"]["message"]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(
    sophia: Sophia, ending: signal.Signals, times: int
) -> None:
    running = sophia.start("bench", "ingest", "--seconds", "100")
    wait_until(lambda: _stores(running.pid))
    stores = _stores(running.pid)
    time.sleep(0.5)
    for _ in range(times):
        running.send_signal(ending)
        time.sleep(0.1)
    _, said = running.communicate(timeout=30)
    assert running.returncode == ExitStatus.INTERRUPTED
    assert "Traceback" not in said
    assert not any(store.exists() for store in stores)
    assert not stores & _stores(None), "an engine outlived its benchmark"


def _stores(parent: int | None) -> set[Path]:
    """The stores of the engines that a process has started, or of all that run."""
    found = set()
    for command in _commands(parent):
        for word in command:
            place = word.find(b"/tmp/sophia-bench-")
            if place >= 0:
                found.add(Path(*Path(os.fsdecode(word[place:])).parts[:3]))
    return found


def _commands(parent: int | None) -> Iterator[list[bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                above = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent is None or above == str(parent):
                yield command
