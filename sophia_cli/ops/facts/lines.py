"""How facts' outputs are read: lines of `name=value`."""

from __future__ import annotations


def pairs(output: str) -> dict[str, str]:
    """The `name=value` lines of an output; of two of one name the last, other lines are left out.

    A value may hold `=`.
    """
    parted = (line.partition("=") for line in output.splitlines())
    return {name: value for name, mark, value in parted if mark}
