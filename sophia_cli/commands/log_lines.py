"""How lines of a log look to people: time, level, what happened, and the fields behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sophia_cli.logs.lines import Line
from sophia_cli.terminal import Terminal

_STYLES = {"debug": "dim", "warning": "yellow", "error": "red"}


def show(terminal: Terminal, lines: Sequence[Line], *, named: bool) -> None:
    """Prints lines.

    Args:
        named: whether each says from which log it is.
    """
    for line in lines:
        terminal.line(_readable(line, named=named), style=_STYLES.get(line.level))


def _readable(line: Line, *, named: bool) -> str:
    at = "-" if line.at is None else f"{line.at:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    words = [f"{at:23}", f"{line.level:7}"]
    if named:
        words.append(f"{line.log.value:8}")
    words += [_plain(line.event), *_fields(line.fields)]
    return " ".join(words)


def _fields(fields: Any) -> Iterator[str]:
    for name, value in fields.items():
        if value is not None and value != [] and value != {}:
            yield f"{_plain(str(name))}={_written(value)}"


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{_plain(str(name))}:{_written(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ",".join(_written(part) for part in value)
    text = _plain(str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def _plain(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
