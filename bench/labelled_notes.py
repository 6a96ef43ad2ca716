"""The labelled notes of bench/notes in a store, as `sophia ingest` reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sophia_cli.memory.ingesting import Tally, ingest
from sophia_cli.memory.model import Memory
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.reading import Given, read_path

_NOTES = Path(__file__).parent / "notes"
DEPTHS = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class NoteQuestion:
    """A question and the notes that answer it, by their names: `pricing#Discounts`."""

    text: str
    kind: str
    evidence: frozenset[str]


def note_questions() -> list[NoteQuestion]:
    """The questions, in the order of their file."""
    rows = map(json.loads, (_NOTES / "questions.jsonl").read_text("utf-8").splitlines())
    return [NoteQuestion(row["question"], row["kind"], frozenset(row["relevant"])) for row in rows]


def ingest_notes(service: MemoryService) -> None:
    """Stores the notes, each `## Section` a memory or more."""
    now = datetime.now(UTC)
    for path in sorted((_NOTES / "corpus").glob("*.md")):
        items = read_path(path, None, now, Given())
        ingest(service, items, now, Trace(), Tally(), lambda _: None)


def name_of(memory: Memory) -> str:
    """The name of the note that a memory is from."""
    heading = memory.content.partition("\n")[0].rpartition(" > ")[2].strip()
    return f"{memory.tags['source'].removesuffix('.md')}#{heading}"


def names_of(service: MemoryService, ids: Sequence[UUID]) -> list[str]:
    """The names of the notes that these memories are from."""
    memories = service.records.queries.get(list(ids))
    return [name_of(memories[id_]) for id_ in ids]


def recall_of(order: Sequence[str], evidence: frozenset[str]) -> list[float]:
    """The share of the evidence among the first 1, 3, 5 and 10 notes."""
    notes = list(dict.fromkeys(order))
    return [len(evidence.intersection(notes[:depth])) / len(evidence) for depth in DEPTHS]
