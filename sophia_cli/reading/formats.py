"""The formats that can be read, and how one is told from the name and the beginning of a file."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import PurePath

from sophia_cli.reading.chat_line import style_of
from sophia_cli.reading.source import Source


class Format(StrEnum):
    """What `--format` takes."""

    MARKDOWN = "markdown"
    TEXT = "text"
    JSONL = "jsonl"
    CHAT = "chat"
    GIT = "git"


SUFFIXES = frozenset({".md", ".markdown", ".txt", ".jsonl", ".ndjson", ".json", ".log"})
"""What is read of a folder."""

_BY_SUFFIX = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
}
_GIT = re.compile(r"commit [0-9a-f]{7,64}\b[^\n]*\n(?:[A-Z][A-Za-z]+:[^\n]*\n){1,6}")
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|~~~)", re.MULTILINE)
_JSON = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]]")


def format_of(source: Source) -> Format:
    """The format, from what is in it where that is clear, else from its name, else text."""
    text = source.head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    named = _BY_SUFFIX.get(PurePath(source.name).suffix.lower())
    if _GIT.match(text):
        return Format.GIT
    if named is not None:
        return named
    if is_json(source):
        return Format.CHAT
    if text.startswith("{") and _is_record(text):
        return Format.JSONL
    # The last line may be cut in the middle.
    if style_of(text.splitlines()[:500]) is not None:
        return Format.CHAT
    return Format.MARKDOWN if _MARKDOWN.search(text) else Format.TEXT


def is_json(source: Source) -> bool:
    """Whether it is one JSON document, and not a record a line."""
    text = source.head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    return _JSON.match(text) is not None and not _is_record(text)


def is_binary(source: Source) -> bool:
    """Whether it is no text at all. UTF-16 counts: its bytes are not those of UTF-8."""
    return b"\0" in source.head


def _is_record(text: str) -> bool:
    """Whether the first line is a JSON object by itself, and not a whole chat export."""
    first, newline, _ = text.partition("\n")
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        # A record longer than what was looked at: a line with no end in sight.
        return not newline and len(text) > 1_000 and '"content"' in text[:1_000]
    return isinstance(record, dict) and not record.keys() & {"messages", "chat_messages"}
