"""A plan in a file: what was looked at and agreed on, to be carried out later as it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sophia_cli.config.files import read_small_file
from sophia_cli.errors import ConfigurationError, Refused
from sophia_cli.ops.plan import Plan, differences
from sophia_cli.ops.private import replace

_FORMAT = "sophia plan 1"
_LARGEST = 64 << 20
_MOST_DIFFERENCES = 10


def write_plan(path: Path, plan: Plan, redact: Callable[[str], str]) -> None:
    """Writes a plan, 0600; it holds no secret. An earlier plan there is replaced.

    Raises:
        Refused: something else is there.
        OSError: it cannot be written.
    """
    if os.path.lexists(path):
        try:
            read_plan(path)
        except ConfigurationError:
            raise Refused(f"{path}: is there, and is no plan", "name another file") from None
    text = json.dumps({"format": _FORMAT, **plan.as_json()}, indent=1, ensure_ascii=False)
    replace(path, redact(text).encode() + b"\n")


def read_plan(path: Path) -> Mapping[str, Any]:
    """A plan that was written.

    Raises:
        ConfigurationError: the file cannot be read, or is no plan.
    """
    try:
        saved = json.loads(read_small_file(path, _LARGEST))
        if saved["format"] != _FORMAT:
            raise ValueError(saved["format"])
        shapes = {"fingerprint": str, "phases": list, "machines": dict, "tasks": list}
        if any(not isinstance(saved[name], shape) for name, shape in shapes.items()):
            raise TypeError
        for task in saved["tasks"]:
            [task[name] for name in ("host", "phase", "step", "summary")]
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"{path}: is no plan of this version of sophia", "`sophia plan --out FILE` writes one"
        ) from None
    found: Mapping[str, Any] = saved
    return found


def check_same(saved: Mapping[str, Any], plan: Plan) -> None:
    """Sees that a plan made now is the one that was agreed on.

    Raises:
        Refused: the hosts or the configuration have moved; says in what.
    """
    if saved["fingerprint"] == plan.fingerprint:
        return
    found = list(differences(saved, plan.as_json())) or ["the phases are others"]
    more = len(found) - _MOST_DIFFERENCES
    lines = [*found[:_MOST_DIFFERENCES], *([f"and {more} more"] if more > 0 else [])]
    raise Refused(
        "what is there is not what was planned for:\n  " + "\n  ".join(lines),
        "look at it again: sophia plan",
    )
