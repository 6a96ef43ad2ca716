"""Durations as people write them: `250ms`, `30s`, `5m`, `1h`, `30d`, or a number of seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from sophia_cli.config.secrets import quoted
from sophia_cli.errors import InvalidInput

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_WRITTEN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?(ms|s|m|h|d)?")
# A century: whatever is added to a date of today is still a date.
_LONGEST = timedelta(days=36500)


def parse_duration(text: str) -> timedelta:
    """The duration that `text` writes, 0 to 36500 days; seconds where there is no unit.

    Raises:
        InvalidInput: it is no duration, or a longer one.
    """
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise InvalidInput(
            f"{quoted(text)} is not a duration", "write it as 250ms, 30s, 5m, 1h or 30d"
        )
    number, unit = float(written[1]), _UNITS[written[2] or "s"]
    if number > _LONGEST / unit:
        raise InvalidInput(f"{quoted(text)} is longer than 36500d", "write a shorter duration")
    return number * unit


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back: whole numbers of the largest unit."""
    for name in ("d", "h", "m", "s", "ms"):
        if duration and not duration % _UNITS[name]:
            return f"{duration // _UNITS[name]}{name}"
    return f"{duration / _UNITS['ms']:g}ms" if duration else "0s"
