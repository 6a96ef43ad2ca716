"""What of a memory is embedded, and which words BM25 sees."""

from __future__ import annotations

from datetime import datetime

from sophia_cli.memory.model import Draft, Memory


def embedded_text(said: Draft | Memory) -> str:
    """The text whose vector stands for a memory: who said it belongs to what was said."""
    return f"{said.speaker}: {said.content}" if said.speaker else said.content


def indexed_text(memory: Memory) -> str:
    """The words of BM25: the speaker, the content, and the date as people write it."""
    return (
        f"{embedded_text(memory)}\n{_date(memory.said_at)}"
        if memory.said_at
        else (embedded_text(memory))
    )


def _date(moment: datetime) -> str:
    return moment.strftime("%A %-d %B %Y")
