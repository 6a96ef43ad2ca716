"""What the last run of doctor came to, kept in the home: for what has changed since."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sophia_cli.checks.check import Verdict
from sophia_cli.checks.running import Looked
from sophia_cli.errors import Refused
from sophia_cli.home import Home

_LARGEST = 4 << 20
_WELL = (Verdict.PASS.value, Verdict.SKIPPED.value)
Place = tuple[str, str]
"""A check's number, and which of several things it looked at."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was found somewhere: the verdict and the words."""

    verdict: str
    says: str


@dataclass(frozen=True, slots=True)
class Run:
    """What was known after a run; of checks that were not made then, what was known before."""

    at: datetime | None
    found: Mapping[Place, Said]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing whose verdict is another than it was; None where there was, or is, none."""

    check: str
    subject: str
    before: Said | None
    now: Said | None


def last_run(home: Home) -> Run:
    """The last run of this home; an empty one where there was none, or it cannot be read."""
    try:
        with _path(home).open("rb") as file:
            record = json.loads(file.read(_LARGEST))
        return Run(
            datetime.fromisoformat(record["at"]),
            {
                (str(each["check"]), str(each["subject"])): Said(each["verdict"], each["says"])
                for each in record["found"]
            },
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Run(None, {})


def keep(home: Home, before: Run, looked: Sequence[Looked], now: datetime) -> None:
    """Keeps what was found, 0600; where there is no home, or it cannot be written, it is lost."""
    numbers = {each.check.number for each in looked}
    found = {place: said for place, said in before.found.items() if place[0] not in numbers}
    found |= said_by(looked)
    rows: list[dict[str, Any]] = [
        {"check": check, "subject": subject, "verdict": said.verdict, "says": said.says}
        for (check, subject), said in found.items()
    ]
    if home.root.is_dir():
        from sophia_cli.ops.private import own_directory, replace

        with contextlib.suppress(OSError, Refused):
            own_directory(_path(home).parent)
            text = json.dumps({"at": now.isoformat(), "found": rows}, indent=1)
            replace(_path(home), text.encode())


def said_by(looked: Sequence[Looked]) -> dict[Place, Said]:
    """What was found, by place."""
    return {
        (each.check.number, finding.subject): Said(finding.verdict.value, finding.says)
        for each in looked
        for finding in reversed(each.findings)  # of two at one place, the worst stays
    }


def changes(before: Run, looked: Sequence[Looked]) -> Iterator[Change]:
    """Yields what has become better or worse since the run before, in the order of `looked`.

    What came or went and is well is no change.
    """
    now = said_by(looked)
    for place, said in now.items():
        was = before.found.get(place)
        if (was.verdict if was else _WELL[0]) != said.verdict and not _are_well(was, said):
            yield Change(*place, was, said)
    numbers = {each.check.number for each in looked}
    for place, was in before.found.items():
        if place[0] in numbers and place not in now and not _are_well(was):
            yield Change(*place, was, None)


def _are_well(*said: Said | None) -> bool:
    return all(each is None or each.verdict in _WELL for each in said)


def _path(home: Home) -> Path:
    return home.root / "checks" / "last.json"
