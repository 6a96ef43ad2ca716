"""Chat exports in JSON: Slack's list of messages, and `messages` as OpenAI and Claude keep them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft
from sophia_cli.memory.moments import moment_of_epoch, parse_moment
from sophia_cli.memory.validation import LONGEST_NAME
from sophia_cli.reading.item import BadLine, Item, taken
from sophia_cli.reading.source import Source

LARGEST = 64 * 1024 * 1024
"""Bytes: a JSON document is read whole. What is larger is for JSONL."""

_MESSAGES = ("messages", "chat_messages")
_SPEAKERS = (
    "speaker",
    "user_profile",
    "username",
    "name",
    "from",
    "sender",
    "author",
    "user",
    "role",
)
_NAMES = ("real_name", "display_name", "name", "role")
_TEXTS = ("text", "content", "message")
_TIMES = ("ts", "at", "timestamp", "created_at", "create_time", "date")
_TITLES = ("id", "uuid", "title", "name")


def read_chat_export(source: Source, now: datetime, session: str | None = None) -> Iterator[Item]:
    """One draft a message.

    The session is `session`, else the file's name; a file of several conversations names each by
    its id or title. In messages about it, `line` is the message's number in the file.
    """
    whole = source.everything(LARGEST)
    if whole is None:
        reason = f"a JSON document of over {LARGEST >> 20} MB; write one memory a line as JSONL"
        yield BadLine(source.shown, 0, reason)
        return
    try:
        document = json.loads(whole.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        yield BadLine(source.shown, 0, "not JSON in UTF-8")
        return
    name = session or source.stem or "chat"
    number = 0
    turns: Counter[str] = Counter()
    for title, messages in _conversations(document):
        own = f"{name} {title}"[-LONGEST_NAME:] if title else name
        for message in messages:
            number += 1
            yield from _items(source, number, message, own, turns[own], now)
            turns[own] += 1
    if not number:
        yield BadLine(source.shown, 0, "no messages in it: not a chat export")


def _conversations(document: object) -> Iterator[tuple[str, list[Any]]]:
    """Each conversation: its title, empty where there is only one, and its messages."""
    if isinstance(document, dict):
        for key in _MESSAGES:
            if isinstance(document.get(key), list):
                yield "", document[key]
                return
    elif isinstance(document, list):
        several = [
            item for item in document if isinstance(item, dict) and item.keys() & {*_MESSAGES}
        ]
        if not several:
            yield "", document
        for place, conversation in enumerate(several):
            title = next(
                (conversation[key] for key in _TITLES if isinstance(conversation.get(key), str)),
                "",
            )
            for _, messages in _conversations(conversation):
                yield title or str(place), messages


def _items(
    source: Source, number: int, message: object, session: str, turn: int, now: datetime
) -> Iterator[Item]:
    """The draft of one message, after a note where its time cannot be read."""
    if not isinstance(message, dict):
        yield BadLine(source.shown, number, "the message is not an object")
        return
    text = next((found for key in _TEXTS if (found := _text(message.get(key))).strip()), "")
    if not text:
        yield BadLine(source.shown, number, "the message has no text")
        return
    said_at = None
    try:
        said_at = _time(message, now)
    except InvalidInput as error:
        yield BadLine(source.shown, number, error.message, fatal=False)
    draft = Draft(
        text,
        session=session,
        turn=turn,
        speaker=_speaker(message),
        said_at=said_at,
        tags={"source": source.tag},
    )
    yield taken(source.shown, number, draft)


def _text(content: object) -> str:
    """The words of a text, or of a list of parts; pictures and tool calls have none."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return content["text"] if isinstance(content.get("text"), str) else ""
    if isinstance(content, list):
        parts = (_text(part) for part in content if not isinstance(part, list))
        return "\n".join(part for part in parts if part)
    return ""


def _speaker(message: Mapping[str, Any]) -> str | None:
    for key in _SPEAKERS:
        who = message.get(key)
        names = [who.get(name) for name in _NAMES] if isinstance(who, dict) else [who]
        for name in names:
            if isinstance(name, str) and name.strip():
                return name
    return None


def _time(message: Mapping[str, Any], now: datetime) -> datetime | None:
    for key in _TIMES:
        written = message.get(key)
        if isinstance(written, bool) or written in (None, ""):
            continue
        if isinstance(written, int | float):
            return moment_of_epoch(written)
        if isinstance(written, str):
            try:
                return moment_of_epoch(float(written[:40]))
            except ValueError:
                return parse_moment(written, now)
    return None
