"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sophia_cli.errors import InvalidInput
from sophia_cli.invocation import Invocation
from sophia_cli.memory.model import KINDS, Kind, Where
from sophia_cli.memory.moments import expiry_in, moment_in
from sophia_cli.memory.validation import LONGEST_CONTENT, checked_name, checked_tags

_MOST_RESULTS = 1000


class KindChoice(StrEnum):
    """The values of --kind where a kind may be left to the rules."""

    CODING = "coding"
    BUSINESS = "business"
    AUTO = "auto"


KindOption = Annotated[Kind | None, typer.Option("--kind", help="Only this kind of memory.")]
UserOption = Annotated[str | None, typer.Option("--user", help="Whose memory.", metavar="NAME")]
AgentOption = Annotated[str | None, typer.Option("--agent", help="Which agent's.", metavar="NAME")]
SessionOption = Annotated[
    str | None, typer.Option("--session", help="Which conversation.", metavar="NAME")
]
TagOption = Annotated[
    list[str] | None, typer.Option("--tag", help="A tag; may be repeated.", metavar="KEY=VALUE")
]
SinceOption = Annotated[
    str | None, typer.Option(help="Said at or after this time.", metavar="TIME")
]
UntilOption = Annotated[str | None, typer.Option(help="Said before this time.", metavar="TIME")]
LimitOption = Annotated[
    int | None, typer.Option("-n", "--limit", help="How many at most.", metavar="N")
]
NowOption = Annotated[
    str | None,
    typer.Option("--now", help="What `last week` is relative to, if not today.", metavar="TIME"),
]
DiverseOption = Annotated[
    bool, typer.Option("--diverse", help="Prefer memories that differ from each other.")
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Show why.")]


def kinds_of(kind: Kind | None) -> Sequence[Kind]:
    """The kinds to look in."""
    return KINDS if kind is None else (kind,)


def limit_of(given: int | None, default: int) -> int:
    """How many results are wanted.

    Raises:
        InvalidInput: less than 1 or more than 1,000.
    """
    limit = default if given is None else given
    if not 1 <= limit <= _MOST_RESULTS:
        raise InvalidInput(f"-n {limit} is not between 1 and {_MOST_RESULTS:,}")
    return limit


def where_of(
    invocation: Invocation,
    user: str | None = None,
    agent: str | None = None,
    session: str | None = None,
    tag: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Where:
    """The filter that these options make.

    Raises:
        InvalidInput: a name, a tag or a time that is none, or an empty span.
    """
    start = None if since is None else moment_of(invocation, "--since", since)
    end = None if until is None else moment_of(invocation, "--until", until)
    if start is not None and end is not None and start >= end:
        raise InvalidInput("--since is not before --until: nothing can match")
    return Where(
        checked_name("user", user),
        checked_name("agent", agent),
        checked_name("session", session),
        tags_of(tag),
        start,
        end,
    )


def tags_of(given: Sequence[str] | None) -> dict[str, str]:
    """Tags from `KEY=VALUE` words.

    Raises:
        InvalidInput: one is not of that form.
    """
    tags = {}
    for word in given or ():
        key, sign, value = word.partition("=")
        if not sign:
            raise InvalidInput(f"--tag {word[:60]!r} has no =", "a tag is KEY=VALUE: team=platform")
        tags[key] = value
    return checked_tags(tags)


def moment_of(invocation: Invocation, option: str, text: str) -> datetime:
    """The time that an option names.

    Raises:
        InvalidInput: it is none; the message names the option.
    """
    return moment_in(option, text, invocation.now)


def expiry_of(invocation: Invocation, text: str | None) -> datetime | None:
    """When a memory ends: a duration from now, or a time.

    Raises:
        InvalidInput: neither, or it is over already.
    """
    return None if text is None else expiry_in("--expires", text, invocation.now)


def text_of(invocation: Invocation, words: str) -> str:
    """The text of an argument; `-` reads it from stdin.

    Raises:
        InvalidInput: stdin holds far more than one memory.
    """
    if words != "-":
        return words
    text = invocation.environment.stdin.read(4 * LONGEST_CONTENT)
    if len(text) == 4 * LONGEST_CONTENT:
        raise InvalidInput(
            "stdin holds more than makes one memory",
            "use `sophia ingest -`, which cuts it by its structure",
        )
    return text


def path_of(invocation: Invocation, given: str) -> Path:
    """A path as the user meant it.

    Raises:
        InvalidInput: it is empty, and would mean the working directory; or it holds a NUL.
    """
    if not given.strip() or "\0" in given:
        raise InvalidInput(f"not a path: {given[:60]!r}")
    return invocation.path(given)


def existing_paths_of(invocation: Invocation, given: Sequence[str]) -> list[Path | None]:
    """Paths as the user meant them; None stands for stdin, given as `-`.

    Raises:
        InvalidInput: one is not there.
    """
    paths = [None if each == "-" else path_of(invocation, each) for each in given]
    for path in paths:
        if path is not None and not os.path.lexists(path):
            raise InvalidInput(f"{path}: there is no such file")
    return paths
