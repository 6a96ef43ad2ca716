"""JSONL: one memory a line, with the keys of the data model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.moments import parse_expiry, parse_moment
from sophia_cli.reading.item import BadLine, Item, taken
from sophia_cli.reading.source import Source

LONGEST_LINE = 2_000_000
"""Characters: the longest content with every character escaped as \\uXXXX\\uXXXX, and its tags."""
LARGEST_TURN = 2**31 - 1

_TEXTS = ("content", "kind", "user", "agent", "session", "speaker", "at", "expires")
KEYS = (*_TEXTS, "turn", "tags")


def read_jsonl(source: Source, now: datetime) -> Iterator[Item]:
    """One draft a line.

    A session's turns without a `turn` are numbered as they come, from 0, so that reading again
    gives the same drafts; a refused line keeps its number, so that mending it moves no other.
    """
    turns: dict[str, int] = {}
    for line in source.lines(LONGEST_LINE):
        if line.fault is not None:
            yield BadLine(source.shown, line.number, line.fault)
        elif line.text.strip():
            try:
                record = record_of(line.text)
                turn = turn_of(record, turns)
                for reason in unknown_keys(record, KEYS):
                    yield BadLine(source.shown, line.number, reason, fatal=False)
                yield taken(source.shown, line.number, draft_of(record, turn, now))
            except InvalidInput as error:
                yield BadLine(source.shown, line.number, error.message)


def record_of(text: str) -> dict[str, Any]:
    """The object that a line holds.

    Raises:
        InvalidInput: it is none.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "cannot be parsed"
        raise InvalidInput(f"not JSON: {reason}") from None
    if not isinstance(record, dict):
        raise InvalidInput("not a JSON object")
    return record


def turn_of(record: dict[str, Any], turns: dict[str, int]) -> int | None:
    """The turn that is given, or the next one of its session.

    Args:
        turns: the next turn of each session; is kept up to date.

    Raises:
        InvalidInput: `turn` cannot be one.
    """
    turn, session = record.get("turn"), record.get("session")
    if turn is None and isinstance(session, str):
        turn = turns.get(session, 0)
    elif turn is not None and (not isinstance(turn, int) or isinstance(turn, bool)):
        raise InvalidInput("`turn` is not a whole number")
    elif turn is not None and not 0 <= turn <= LARGEST_TURN:
        raise InvalidInput(f"`turn` is not between 0 and {LARGEST_TURN}")
    if turn is not None and isinstance(session, str):
        turns[session] = max(turns.get(session, 0), turn + 1)
    return turn


def unknown_keys(record: dict[str, Any], known: Sequence[str]) -> Iterator[str]:
    """What is wrong with each key that is not known, with the nearest that is."""
    for key in sorted(record.keys() - set(known)):
        nearest = get_close_matches(key[:40], known, n=1)
        meant = f", did you mean `{nearest[0]}`?" if nearest else f"; known are {', '.join(known)}"
        yield f"unknown key {key[:40]!r}{meant}"


def draft_of(record: dict[str, Any], turn: int | None, now: datetime) -> Draft:
    """The draft that a line's object stands for; keys that are not known are not looked at.

    Raises:
        InvalidInput: a value cannot be used.
    """
    for key in _TEXTS:
        if not isinstance(record.get(key, ""), str | None):
            raise InvalidInput(f"`{key}` is not a text")
    content, kind = record.get("content"), record.get("kind")
    if content is None:
        raise InvalidInput("there is no `content`")
    if kind is not None and kind not in ("auto", *Kind):
        raise InvalidInput(f"`kind` is {kind[:40]!r}, not coding, business or auto")
    tags = record.get("tags") or {}
    if not isinstance(tags, dict):
        raise InvalidInput("`tags` is not an object")
    at, expires = record.get("at"), record.get("expires")
    return Draft(
        content,
        kind=None if kind in (None, "auto") else Kind(kind),
        user=record.get("user"),
        agent=record.get("agent"),
        session=record.get("session"),
        turn=turn,
        speaker=record.get("speaker"),
        said_at=None if at is None else parse_moment(at, now),
        tags={key: _tag(key, value) for key, value in tags.items()},
        expires_at=None if expires is None else parse_expiry(expires, now),
    )


def _tag(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise InvalidInput(f"the tag {key[:40]!r} is not a text")
