"""Doctor and health on one machine, and doctor --deep: python bench/doctor.py [MEMORIES].

The store is filled without embedding, as in bench/scale.py. Doctor, health and recall are measured
as a user runs them, in processes of their own beside the resident one; a recall's own time is what
its answer says it took. Medians; what counts are the ratios within this run. Doctor on the hosts of
a cluster is measured by bench/deploy.py.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from scale import fill
from speed import SOPHIA, environment_of, median, report, timed
from stores import MadeUp, fresh_home
from texts import questions

from sophia_cli import assembly
from sophia_cli.background import begun
from sophia_cli.config.model import Config

_ASKED = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("memories", type=int, nargs="?", default=100_000)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    made_up = MadeUp()
    with fresh_home() as home:
        opened = assembly.open_service(Config(), home, through=made_up)
        fill(opened.service, made_up, 0, arguments.memories)
        opened.close()
        sophia = Sophia(environment_of(home))
        sophia("up")
        try:
            warm(sophia, arguments.memories, arguments.runs)
            deep(sophia, arguments.memories)
        finally:
            sophia("down")


class Sophia:
    """The program in one home."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __call__(self, *words: str) -> str:
        """What a command prints; one that finds something unhealthy is no error here."""
        done = subprocess.run(
            [SOPHIA, *words], env=self._environment, check=False, capture_output=True, text=True
        )
        if done.returncode not in (0, 3):
            raise SystemExit(f"sophia {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *words: str) -> dict[str, Any]:
        """The same as JSON."""
        said: dict[str, Any] = json.loads(self("--json", *words))
        return said


def warm(sophia: Sophia, memories: int, runs: int) -> None:
    """Doctor and health, after a first one of each."""
    for words, bound in ((("doctor",), "1500 ms"), (("health",), "300 ms")):
        sophia(*words)
        spent = [timed(lambda words=words: sophia(*words)) for _ in range(runs)]
        name = f"sophia {' '.join(words)}, warm, {memories:,} memories"
        report(name, f"{median(spent):.0f} ms", f"<= {bound}")


def deep(sophia: Sophia, memories: int) -> None:
    """Every point compared with the records, and recalls meanwhile."""
    asked = iter(questions(100_000, seed=11))
    next(_recalled(sophia, asked))
    idle = [spent for _, spent in zip(range(_ASKED), _recalled(sophia, asked), strict=False)]
    compared = [_compared(sophia) for _ in range(3)]
    points, seconds, whole = sorted(compared, key=lambda each: each[1])[1]
    report(
        f"doctor --deep, {points:,} points",
        f"{points / seconds:,.0f}/s, {whole / 1000:.1f} s in all",
        ">= 20,000/s",
    )
    print("each of them:", ", ".join(f"{one / spent:,.0f}/s" for one, spent, _ in compared))
    ended = threading.Event()

    def compare() -> None:
        while not ended.is_set():
            _compared(sophia)

    comparing = begun(compare, "comparing")
    busy = []
    for spent in _recalled(sophia, asked):
        busy.append(spent)
        if len(busy) >= _ASKED or comparing.done():
            break
    ended.set()
    comparing.result()  # one that failed is no comparison
    ratio = median(busy) / median(idle)
    report(
        f"recall, p50, {memories:,} memories, while it runs",
        f"{median(busy):.1f} / {median(idle):.1f} ms = {ratio:.2f} x",
        "<= 1.5 x",
    )


def _compared(sophia: Sophia) -> tuple[int, float, float]:
    """A comparison as a process: its points, its own seconds, the milliseconds of the process."""
    said: dict[str, Any] = {}
    whole = timed(lambda: said.update(sophia.json("doctor", "--deep", "--only", "TI-10")))
    found = re.fullmatch(r"all ([\d,]+) points are .* \(([\d.]+) s\)", said["data"][0]["says"])
    if found is None:
        raise SystemExit(f"doctor --deep: {said['data']}")
    return int(found[1].replace(",", "")), float(found[2]), whole


def _recalled(sophia: Sophia, asked: Iterator[str]) -> Iterator[float]:
    """The milliseconds that each of ever new questions took in the resident process."""
    for text in asked:
        yield float(sophia.json("recall", text)["duration_ms"])


if __name__ == "__main__":
    main()
