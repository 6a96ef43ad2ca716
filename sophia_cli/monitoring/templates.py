"""The templates in `configs/monitoring`: where they are, and how they are filled in.

Their marks are `[[ value ]]` and `[% block %]`, since Prometheus and Grafana use braces themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

import sophia_cli

_PACKAGE = Path(sophia_cli.__file__).parent
_MARKS = Environment(
    variable_start_string="[[",
    variable_end_string="]]",
    block_start_string="[%",
    block_end_string="%]",
    comment_start_string="[#",
    comment_end_string="#]",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701  (YAML for Prometheus; every value is checked or made JSON)
)


def filled(name: str, values: Mapping[str, Any]) -> str:
    """A template with its values."""
    return _MARKS.from_string(_text(name)).render(values)


def data(name: str) -> Any:
    """What a YAML file holds."""
    return yaml.safe_load(_text(name))


def _text(name: str) -> str:
    """From the installed package, or from the repository."""
    places = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
    found = next(path for place in places if (path := place / "monitoring" / name).exists())
    return found.read_text("utf-8")
