"""Reading a text as `sophia ingest` does."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sophia_cli.memory.model import Draft
from sophia_cli.reading import BadLine, Format, Given, Item, read_stream

NOW = datetime(2024, 5, 31, 12, 30, tzinfo=UTC)
Read = Callable[..., list[Item]]


@pytest.fixture
def read() -> Read:
    """Reads a text or bytes under a file's name."""

    def read(
        data: str | bytes, name: str = "notes.txt", fmt: Format | None = None, **given: str
    ) -> list[Item]:
        raw = data.encode() if isinstance(data, str) else data
        return list(read_stream(io.BytesIO(raw), fmt, name, NOW, Given(**given)))  # type: ignore[arg-type]

    return read


def drafts(items: list[Item]) -> list[Draft]:
    return [item for item in items if isinstance(item, Draft)]


def faults(items: list[Item]) -> list[BadLine]:
    return [item for item in items if isinstance(item, BadLine)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
