"""What a journal holds: one event a line, redacted before it is written."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

# What is kept of an output: its last lines, each cut at so many characters.
_LINES = 20
_LONGEST = 500


class What(StrEnum):
    """What happened."""

    RUN_STARTED = "run started"
    RUN_ENDED = "run ended"
    PHASE_STARTED = "phase started"
    PHASE_ENDED = "phase ended"
    STEP_STARTED = "step started"
    STEP_CHANGED = "step changed"
    STEP_UNCHANGED = "step unchanged"
    STEP_FAILED = "step failed"
    STEP_UNKNOWN = "step unknown"
    """The connection was lost on the way: it may be done or not."""
    GATE_OPENED = "gate opened"
    GUARDED = "guarded"
    """The service was made to do without a host, or has it back."""
    HOOK_ENDED = "hook ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.

    Attributes:
        at: when, aware.
        run: the id of the run, see `new_run`.
        user: who, as `ana@laptop`.
        version: sophia's.
        summary: for people, in one line.
        commands: what was run, without what went in by stdin.
        output: lines that came out; the last of them are kept.
        outcome: `ok`, `failed`, `unknown` and the like, of what ended.
        seconds: how long it took.
    """

    at: datetime
    what: What
    run: str
    user: str
    version: str
    host: str = ""
    phase: str = ""
    step: str = ""
    summary: str = ""
    commands: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    outcome: str = ""
    exit_status: int | None = None
    seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """What is told of it; what is empty is left out."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        told |= {"at": self.at.astimezone(UTC).isoformat(), "what": self.what.value}
        return {key: value for key, value in told.items() if value not in ("", (), None)}

    def as_line(self, redact: Callable[[str], str]) -> bytes:
        """One line of JSON without secrets.

        Args:
            redact: takes secrets out of a text. It gets each text before JSON quotes it, and lines
                together, so that a secret of several lines is found.
        """
        told = self.as_json()
        for key, value in told.items():
            if key in ("output", "commands"):
                # Redacted first: what is cut might hold the beginning of a secret.
                told[key] = (
                    _cut(redact("\n".join(value)))
                    if key == "output"
                    else [redact(each) for each in value]
                )
            elif isinstance(value, str) and key not in ("at", "what"):
                told[key] = redact(value)
        return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def event_of(line: bytes) -> Event | None:
    """The event of a line; None where it is torn, or not one that we know."""
    try:
        told = json.loads(line)
        told |= {"at": datetime.fromisoformat(told["at"]), "what": What(told["what"])}
        for key in ("commands", "output"):
            told[key] = tuple(map(str, told.get(key, ())))
        known = {each.name for each in fields(Event)}
        event = Event(**{key: value for key, value in told.items() if key in known})
        return event if event.at.tzinfo else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def new_run(now: datetime) -> str:
    """An id for a run; ids are in the order of their times: `20260102-150405-3fa9c1`."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _cut(text: str) -> list[str]:
    return [
        line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
        for line in text.splitlines()[-_LINES:]
    ]
