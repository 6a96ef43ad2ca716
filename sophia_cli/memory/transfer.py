"""Export and import of everything, audit included, as JSONL: one record a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sophia_cli.errors import SophiaError
from sophia_cli.memory.model import Kind, Vector
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.reading import BadLine

_BATCH = 256
_NEEDED = {
    "memory": ("id", "kind", "content", "created_at", "updated_at", "valid_from"),
    "event": ("id", "memory_id", "at", "action"),
    "link": ("source", "relation", "target", "created_at"),
    "feedback": ("memory_id", "query", "at"),
}
_IDS = {
    "memory": ("id",),
    "event": ("id", "memory_id"),
    "link": ("source", "target"),
    "feedback": ("memory_id",),
}
_MOMENTS = ("at", "said_at", "valid_from", "valid_to", "created_at", "updated_at")


@dataclass(slots=True)
class Imported:
    """What an import came to: new records of each type, records read, and bad lines."""

    new: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_NEEDED, 0))
    read: int = 0
    bad: list[BadLine] = field(default_factory=list)


def export_lines(service: MemoryService) -> Iterator[str]:
    """Every memory, audit event, link and mark as a line of JSON."""
    for record in service.records.portable.export():
        yield json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def import_lines(
    service: MemoryService,
    lines: Iterable[str],
    name: str,
    trace: Trace,
    advance: Callable[[int], None],
) -> Imported:
    """Stores what an export wrote, under the same ids; what is there already is not touched."""
    result = Imported()
    batch: list[dict[str, Any]] = []
    type_ = ""
    for record in _records(lines, name, result):
        if batch and (record["type"] != type_ or len(batch) == _BATCH):
            _store(service, type_, batch, result, trace, advance)
            batch = []
        type_ = record["type"]
        batch.append(record)
    if batch:
        _store(service, type_, batch, result, trace, advance)
    return result


def _records(lines: Iterable[str], name: str, result: Imported) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = _checked(json.loads(line))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            result.bad.append(BadLine(name, number, str(error)))
            continue
        result.read += 1
        yield record


def _checked(record: Any) -> dict[str, Any]:
    """The record, if it is one of ours; ValueError says what is wrong otherwise."""
    if not isinstance(record, dict) or record.get("type") not in _NEEDED:
        raise ValueError("not a record of `sophia export`")
    type_ = record["type"]
    for key in _NEEDED[type_]:
        if not isinstance(record.get(key), str):
            raise ValueError(f"{type_}: {key} is missing")
    for key in _IDS[type_]:
        UUID(record[key])
    for key in _MOMENTS:
        if record.get(key) is not None:
            datetime.fromisoformat(record[key])
    if type_ == "memory":
        Kind(record["kind"])
        record["content"].encode()
        if "\0" in json.dumps(record):
            raise ValueError("memory: a NUL character")
        record["tags"] = record.get("tags") or {}
        record["version"] = record.get("version") or 1
        if record.get("forgotten_at") is not None:
            record["content_hash"] = None  # It no longer stands in the way of being said again.
    if type_ == "event":
        record["detail"] = record.get("detail") or {}
    if type_ == "feedback":
        record["scope"] = record.get("scope") or {}
        if not isinstance(record.get("fits"), bool):
            raise ValueError("feedback: fits is neither true nor false")
    return record


def _store(
    service: MemoryService,
    type_: str,
    batch: list[dict[str, Any]],
    result: Imported,
    trace: Trace,
    advance: Callable[[int], None],
) -> None:
    portable = service.records.portable
    try:
        if type_ == "memory":
            known = portable.known([record["id"] for record in batch])
            fresh = [record for record in batch if record["id"] not in known]
            if fresh:
                result.new[type_] += portable.import_memories(
                    fresh, _vectors(service, fresh, trace)
                )
                ids = [UUID(record["id"]) for record in fresh]
                service.index(service.records.outbox.owe(ids), trace)
        elif type_ == "event":
            result.new[type_] += portable.import_events(batch)
        elif type_ == "link":
            result.new[type_] += portable.import_links(batch)
        else:
            result.new[type_] += portable.import_feedback(batch)
    except SophiaError:
        raise
    except ValueError as error:
        result.bad.append(BadLine(type_, result.read, str(error)))
    advance(len(batch))


def _vectors(
    service: MemoryService, records: list[dict[str, Any]], trace: Trace
) -> list[Vector | None]:
    """A vector for each record that has content to embed."""
    texts = [_embedded(record) for record in records]
    wanted = [place for place, text in enumerate(texts) if text]
    vectors: list[Vector | None] = [None] * len(records)
    if wanted:
        made = service.embed([texts[place] for place in wanted], trace)
        if made is not None:
            for place, vector in zip(wanted, made, strict=True):
                vectors[place] = vector
    return vectors


def _embedded(record: Mapping[str, Any]) -> str:
    if record.get("forgotten_at"):
        return ""
    speaker = record.get("speaker")
    return f"{speaker}: {record['content']}" if speaker else str(record["content"])
