"""How often `sophia bench --compare` errs: python bench/pairs.py [--pairs 20] [--slowed 5].

A copy that was slowed by hand must be called worse; runs of the same code, each compared with the
one before it, must not. All run from copies of the package in a scratch directory, so that it
can be edited meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sophia_cli.bench.compare import compare
from sophia_cli.bench.result_file import read

PACKAGE = Path(__file__).parents[1] / "sophia_cli"
MEMORIES = ("--memories", "200")
SCENARIOS = ("embedding", "vectors", "cache", "end-to-end", "ingest")

SLEEPING = """

_quick = Recaller.recall


def _slow(self, *arguments, **named):
    import time

    time.sleep(0.003)
    return _quick(self, *arguments, **named)


Recaller.recall = _slow
"""
SPINNING = """

_quick = BundledEmbedder.embed


def _slow(self, texts):
    import time

    started = time.perf_counter()
    made = _quick(self, texts)
    ends = time.perf_counter() + 0.3 * (time.perf_counter() - started)
    while time.perf_counter() < ends:
        pass
    return made


BundledEmbedder.embed = _slow
"""


@dataclass(frozen=True, slots=True)
class Slowdown:
    """What is appended to a module of a copy, and the scenario that it makes worse."""

    name: str
    module: str
    code: str
    scenario: str


SLOWDOWNS = (
    Slowdown("3 ms in a recall", "memory/recalling.py", SLEEPING, "end-to-end"),
    Slowdown("30 % in the embedder", "embedding/bundled.py", SPINNING, "embedding"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="of the same code")
    parser.add_argument("--seconds", default="0.5", help="a measurement, in those")
    parser.add_argument("--slowed", type=int, default=5, help="pairs for each slowdown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sophia-pairs-", dir="/tmp") as scratch:
        root = Path(scratch)
        same = copied(root / "same")
        for slowdown in SLOWDOWNS if arguments.slowed else ():
            caught(slowdown, same, copied(root / slowdown.scenario, slowdown), arguments.slowed)
        if arguments.pairs:
            false_alarms(same, arguments.pairs, "--seconds", arguments.seconds)


def caught(slowdown: Slowdown, same: Path, slow: Path, pairs: int) -> None:
    """One scenario as it is and slowed, at the length of a visit that is the default."""
    before, found = same / "before.json", 0
    for _ in range(pairs):
        measured(same, [slowdown.scenario], "--out", str(before))
        found += bool(told(slowdown.name, compared(slow, [slowdown.scenario], before)))
    print(f"{slowdown.name}: caught in {found} of {pairs}", flush=True)


def false_alarms(same: Path, pairs: int, *size: str) -> None:
    """All scenarios, each run beside the one before it; then every run beside every other."""
    files = [same / f"{number}.json" for number in range(pairs + 1)]
    measured(same, SCENARIOS, *size, "--out", str(files[0]))
    alarms = 0
    for before, now in itertools.pairwise(files):
        found = compared(same, SCENARIOS, before, *size, "--out", str(now))
        alarms += bool(told("the same code", found))
    print(f"false alarms: {alarms} of {pairs} pairs of the same code", flush=True)
    runs = [read(file) for file in files]
    verdicts = [bool(compare(*both).of("worse")) for both in itertools.permutations(runs, 2)]
    print(f"any run beside any other: {sum(verdicts)} of {len(verdicts)}")


def compared(package: Path, scenarios: Sequence[str], before: Path, *options: str) -> list[str]:
    """The figures that a run of this copy calls worse; its exit code must say the same."""
    status, row = measured(package, scenarios, "--compare", str(before), *options)
    changes = row["comparison"]["changes"]
    worse = [
        f"{each['scenario']}: {each['name']}" for each in changes if each["verdict"] == "worse"
    ]
    assert status == bool(worse), (status, worse)
    return worse


def measured(package: Path, scenarios: Sequence[str], *options: str) -> tuple[int, dict[str, Any]]:
    """One run in a process of its own; its exit status and its result."""
    command = [
        sys.executable,
        "-m",
        "sophia_cli",
        "--json",
        "bench",
        *scenarios,
        *MEMORIES,
        *options,
    ]
    environment = os.environ | {"PYTHONPATH": str(package), "SOPHIA_HOME": str(package / "home")}
    ended = subprocess.run(
        command, cwd=package, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode not in (0, 1) or not ended.stdout:
        raise SystemExit(ended.stderr)
    [row] = json.loads(ended.stdout)["data"]
    return ended.returncode, row


def copied(root: Path, slowdown: Slowdown | None = None) -> Path:
    """The directory of a copy of the package."""
    shutil.copytree(PACKAGE, root / "sophia_cli", ignore=shutil.ignore_patterns("__pycache__"))
    if slowdown:
        with (root / "sophia_cli" / slowdown.module).open("a") as module:
            module.write(slowdown.code)
    return root


def told(what: str, worse: list[str]) -> list[str]:
    print(f"{what:26} {'worse: ' + ', '.join(worse) if worse else 'the same'}", flush=True)
    return worse


if __name__ == "__main__":
    main()
