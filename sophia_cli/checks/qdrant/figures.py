"""Figures as Prometheus reads them: `name{labels} value`, a line each."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def figures(text: object) -> Mapping[str, float]:
    """By name; of several with other labels, the sum. Lines that are none are left out."""
    found: dict[str, float] = {}
    for name, value in _LINE.findall(text if isinstance(text, str) else ""):
        try:
            found[name] = found.get(name, 0.0) + float(value)
        except ValueError:
            continue
    return found
