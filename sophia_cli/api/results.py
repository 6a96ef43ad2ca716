"""What comes back: the values, how they came about, and both as JSON.

The envelope is that of the command line's `--json`, so a program reads one form everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import Kind
from sophia_cli.memory.service import Receipt, Remembered
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.wire import memory_from_json, memory_to_json
from sophia_cli.tiers.records.queries import Event

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """The values of one request, and how they came about.

    Attributes:
        rows: each value as JSON.
        next_cursor: where the next page of a list begins; None at its end.
        complete: False where a part is still to be done: the command line's exit code 6.
    """

    data: Sequence[T]
    rows: Sequence[Mapping[str, Any]]
    trace: Trace
    next_cursor: str | None = None
    complete: bool = True

    @property
    def degraded(self) -> Sequence[str]:
        """What could not be done as it should, a line each; empty when all is well."""
        return self.trace.degraded


def result(
    data: Sequence[T], to_json: Callable[[T], Mapping[str, Any]], trace: Trace, **more: Any
) -> Result[T]:
    """A result over values that `to_json` writes."""
    return Result(data, [to_json(each) for each in data], trace, **more)


def envelope(answered: Result[Any], command: str, duration_ms: float) -> dict[str, Any]:
    """A result as one JSON object.

    Args:
        command: the command that answers the same on the command line.
        duration_ms: how long the request took.
    """
    degraded = list(answered.degraded)
    made = {
        "status": "ok" if answered.complete and not degraded else "degraded",
        "command": command,
        "duration_ms": round(duration_ms, 3),
        "count": len(answered.rows),
        "data": list(answered.rows),
        "degraded": degraded,
        "trace": answered.trace.as_json(),
        "error": None,
    }
    return made if answered.next_cursor is None else made | {"next_cursor": answered.next_cursor}


def recalled_to_json(recalled: Recalled, *, explain: bool = False) -> dict[str, Any]:
    """A recalled memory: its fields and score; with `explain`, what each signal added."""
    row = memory_to_json(recalled.memory) | {"score": recalled.score}
    return row | {"explain": dict(recalled.parts)} if explain else row


def recalled_from_json(row: Mapping[str, Any]) -> Recalled:
    """The way back from `recalled_to_json`."""
    values = dict(row)
    parts = values.pop("explain", {})
    score = values.pop("score")
    return Recalled(memory_from_json(values), score, parts)


def remembered_to_json(stored: Remembered, *, explain: bool = False) -> dict[str, Any]:
    """What became of a draft; with `explain`, why it is of that kind."""
    row = {"id": str(stored.id), "kind": stored.kind.value, "created": stored.created}
    return row | {"explain": stored.why} if explain else row


def remembered_from_json(row: Mapping[str, Any]) -> Remembered:
    """The way back from `remembered_to_json`."""
    return Remembered(UUID(row["id"]), row["created"], Kind(row["kind"]), row.get("explain", ""))


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    """The proof of an erasure."""
    return {"id": str(receipt.id), "complete": receipt.complete, "tiers": dict(receipt.tiers)}


def receipt_from_json(row: Mapping[str, Any]) -> Receipt:
    """The way back from `receipt_to_json`."""
    return Receipt(UUID(row["id"]), dict(row["tiers"]))


def event_to_json(event: Event) -> dict[str, Any]:
    """One entry of the audit trail."""
    return {
        "id": str(event.id),
        "memory_id": str(event.memory_id),
        "at": event.at.isoformat(),
        "action": event.action,
        "detail": event.detail,
    }


def event_from_json(row: Mapping[str, Any]) -> Event:
    """The way back from `event_to_json`."""
    return Event(
        UUID(row["id"]),
        UUID(row["memory_id"]),
        datetime.fromisoformat(row["at"]),
        row["action"],
        row["detail"],
    )
