"""A line of a log, read: when, how bad, what. Ours are JSON; PostgreSQL and Valkey have their own.

PostgreSQL writes `2026-11-28 14:02:11.123 UTC [71] sophia LOG:  text`, Valkey
`71:M 28 Nov 2026 14:02:11.123 * text` in the machine's own time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

_LONGEST = 1 << 16
_POSTGRES = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC \[(?P<pid>\d+)\]"
    r"(?: (?P<name>[^:]*?))? ?(?P<level>[A-Z]+\d?):  ?(?P<text>.*)"
)
_REQUEST = re.compile(r"sophia (\S+)")
_OF_POSTGRES = {"WARNING": "warning", "ERROR": "error", "FATAL": "error", "PANIC": "error"}
_VALKEY = re.compile(
    r"(?P<pid>\d+):[A-Z] (?P<at>\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}) "
    r"(?P<level>[-.*#]) (?P<text>.*)"
)
_OF_VALKEY = {".": "debug", "-": "debug", "*": "info", "#": "warning"}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class LogName(StrEnum):
    """Whose log."""

    RESIDENT = "resident"
    POSTGRES = "postgres"
    VALKEY = "valkey"


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        at: when it was written; None where it does not say.
        level: `debug`, `info`, `warning` or `error`; what does not say is `info`.
        event: what happened, in a few words, or all that it says.
        fields: more of it, by name.
        text: the line as it stands in the file.
    """

    log: LogName
    at: datetime | None
    level: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    @property
    def request(self) -> str | None:
        """The id of the request that it belongs to."""
        return self.fields.get("request")

    def as_json(self) -> dict[str, Any]:
        """One object, of the same form whichever log it is from."""
        return {
            "log": self.log.value,
            "timestamp": None if self.at is None else f"{self.at:%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": self.level,
            "event": self.event,
            **self.fields,
        }


def read(log: LogName, raw: bytes) -> Line:
    """A line of this log, without its end."""
    text = raw[:_LONGEST].decode(errors="replace").rstrip("\r\n")
    found = {
        LogName.RESIDENT: _ours,
        LogName.POSTGRES: _of_postgres,
        LogName.VALKEY: _of_valkey,
    }[log](text)
    return found or Line(log, None, "info", text, text=text)


def _ours(text: str) -> Line | None:
    try:
        fields = json.loads(text)
        at = datetime.fromisoformat(fields.pop("timestamp")).astimezone(UTC)
        level, event = str(fields.pop("level")), str(fields.pop("event"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    fields.pop("log", None)
    return Line(LogName.RESIDENT, at, level, event, fields, text)


def _of_postgres(text: str) -> Line | None:
    found = _POSTGRES.match(text)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found["at"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    fields: dict[str, Any] = {"pid": int(found["pid"])}
    if request := _REQUEST.fullmatch(found["name"] or ""):
        fields["request"] = request[1]
    level = _OF_POSTGRES.get(found["level"], "info")
    return Line(LogName.POSTGRES, at, level, found["text"], fields, text)


def _of_valkey(text: str) -> Line | None:
    found = _VALKEY.match(text)
    if found is None:
        return None
    day, month, year, clock = found["at"].split()
    try:
        number = _MONTHS.index(month) + 1
        local = datetime.fromisoformat(f"{year}-{number:02d}-{int(day):02d}T{clock}")
        at = local.astimezone(UTC)  # A time without a zone is the machine's own.
    except (ValueError, OverflowError):
        return None
    fields = {"pid": int(found["pid"])}
    return Line(LogName.VALKEY, at, _OF_VALKEY[found["level"]], found["text"], fields, text)
