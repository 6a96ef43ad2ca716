"""Front matter: what a Markdown file says of itself between two lines of `---`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import yaml

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.moments import parse_moment

MOST_LINES = 100
"""A `---` that is not closed after as many lines is a rule, not front matter."""

_AUTHORS = ("author", "authors", "speaker")
_SET = "true"


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What of it a memory keeps."""

    title: str = ""
    author: str | None = None
    date: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def parse_front_matter(text: str, now: datetime) -> FrontMatter:
    """The title, author, date and tags of YAML front matter.

    A tag `team=platform` keeps its value; a plain tag `billing` becomes `billing=true`.

    Raises:
        InvalidInput: it is no YAML mapping, or its date is no date.
    """
    try:
        table = yaml.safe_load(text)
    # The constructors of YAML let ValueError through for dates such as 2024-13-45.
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError):
        raise InvalidInput("the front matter is not YAML") from None
    if table is None:
        return FrontMatter()
    if not isinstance(table, dict):
        raise InvalidInput("the front matter is not a list of `key: value`")
    author = next((name for key in _AUTHORS if (name := _first(table.get(key)))), None)
    written = table.get("date")
    # PyYAML turns 2024-05-01 into a date by itself.
    moment = written.isoformat() if isinstance(written, date) else written
    return FrontMatter(
        _first(table.get("title")) or "",
        author,
        parse_moment(moment, now) if isinstance(moment, str) else None,
        _tags(table.get("tags")),
    )


def _first(value: object) -> str | None:
    """A text, or the first of several."""
    if isinstance(value, list) and value:
        value = value[0]
    return value[:200] if isinstance(value, str) and value.strip() else None


def _tags(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(key): str(text) for key, text in value.items() if _is_plain(key, text)}
    if isinstance(value, str):
        value = value.split(",")
    tags = {}
    for tag in value if isinstance(value, list) else ():
        if isinstance(tag, str) and tag.strip():
            key, _, text = tag.strip().lstrip("#").partition("=")
            tags[key] = text or _SET
    return tags


def _is_plain(*values: object) -> bool:
    return all(isinstance(value, str | int | float | date) for value in values)
