"""Every point of every copy against the records, by sums of digests: what `doctor --deep` reads.

    for finding in deep(scene, advance=bar):
        ...

The findings belong to `checks.tiers.DEEP`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Finding, failed, passed
from sophia_cli.checks.digests.comparison import compare
from sophia_cli.checks.digests.copies import copies_of
from sophia_cli.checks.digests.difference import Difference, Fault

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_EXAMPLES = 5
_SAID = {
    Fault.MISSING: "memories have no point",
    Fault.DIFFERING: "points are not what the records say",
    Fault.GHOST: "points are of memories that are over",
    Fault.UNKNOWN: "points are of memories that the records never knew",
}


def deep(
    scene: Scene,
    *,
    resume: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[Finding]:
    """Reads everything, and says what differs; memories may be written and forgotten meanwhile.

    Args:
        resume: go on from where the one before was interrupted.
        advance: told how many more points were looked at.
        wait: waits so many seconds, often 0; raises when the user has had enough.

    Raises:
        SophiaError: see `compare`.
    """
    compared = compare(
        scene.service,
        copies_of(scene),
        scene.home.root,
        resume=resume,
        advance=advance,
        wait=wait,
    )
    if not compared.differences:
        yield passed(
            f"all {compared.points:,} points are what the records say ({compared.seconds:.1f} s)"
        )
    yield from findings(compared.differences)


def findings(differences: Sequence[Difference], found: str = "") -> Iterator[Finding]:
    """Differences as findings: one for each copy, kind and fault, with some of the ids."""

    def place(each: Difference) -> tuple[str, str, Fault]:
        return each.suspect.copy, each.suspect.kind.value, each.fault

    for (copy, kind, fault), group in groupby(sorted(differences, key=place), place):
        these = list(group)
        more = [f"and {len(these) - _EXAMPLES:,} more"] if len(these) > _EXAMPLES else []
        yield failed(
            f"{len(these):,} {_SAID[fault]}{found}",
            f"{copy}: {kind}" if copy else kind,
            *(each.says for each in these[:_EXAMPLES]),
            *more,
            command=command_of(fault),
        )


def command_of(fault: Fault) -> str:
    """What mends it."""
    return "sophia repair --export FILE" if fault is Fault.UNKNOWN else "sophia repair --apply"
