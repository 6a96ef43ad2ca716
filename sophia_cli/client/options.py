"""What can be given to each call: the command line's options, as Python has them.

A time is a `datetime`, a text that the command line takes for one (`yesterday`), or a `timedelta`:
so long ago, or for `expires` so long from now. A `datetime` without a zone is in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Literal, TypeAlias, TypedDict

from sophia_cli.config.durations import format_duration
from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Kind

Moment: TypeAlias = str | datetime | timedelta
AnyKind: TypeAlias = Kind | Literal["coding", "business"]


class About(TypedDict, total=False):
    """What is known of a memory that is stored."""

    kind: AnyKind | None
    user: str | None
    agent: str | None
    session: str | None
    turn: int | None
    speaker: str | None
    at: Moment | None
    tags: Mapping[str, str]
    expires: Moment | None


class NewMemory(About):
    """A memory to be stored, where several are."""

    content: str


class Filter(TypedDict, total=False):
    """Which memories: all that fit every field that is given."""

    kind: AnyKind | None
    user: str | None
    agent: str | None
    session: str | None
    tags: Mapping[str, str]
    since: Moment | None
    until: Moment | None


class Recalling(Filter, total=False):
    """How a question is answered."""

    limit: int | None
    now: Moment | None
    diverse: bool
    explain: bool


class Seeking(Filter, total=False):
    """How the likes of a text are found."""

    limit: int | None
    explain: bool


class Asking(TypedDict, total=False):
    """How a plain sentence is carried out."""

    limit: int | None
    kind: AnyKind | None
    user: str | None
    explain: bool


class Changing(TypedDict, total=False):
    """What is to be changed of a memory; `expires` may be `never`."""

    content: str | None
    kind: AnyKind | None
    speaker: str | None
    at: Moment | None
    tags: Mapping[str, str]
    expires: Moment | None


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the requests have them: texts, numbers, and nothing that is None."""
    return {name: _plain(name, value) for name, value in options.items() if value is not None}


def _plain(name: str, value: Any) -> Any:
    match value:
        case datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return aware.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case timedelta() if value < timedelta(0):
            raise InvalidInput(f"{name}: a time that runs backwards", "give a positive timedelta")
        case timedelta() if name == "expires":
            return format_duration(value)
        case timedelta():
            return (datetime.now(UTC) - value).isoformat()
        case Enum():
            return value.value
        case Mapping():
            return dict(value)
    return value
