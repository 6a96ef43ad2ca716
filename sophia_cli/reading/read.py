"""The way in: a path or a stream, its format told, its drafts with kind, session and turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import IO

from sophia_cli.errors import InvalidInput, NotFound
from sophia_cli.memory.model import Draft
from sophia_cli.reading.chat import read_chat
from sophia_cli.reading.chat_export import read_chat_export
from sophia_cli.reading.formats import Format, format_of, is_binary, is_json
from sophia_cli.reading.git import read_git_log, read_repository
from sophia_cli.reading.item import BadLine, Given, Item
from sophia_cli.reading.jsonl import read_jsonl
from sophia_cli.reading.kinds import with_kinds
from sophia_cli.reading.markdown import read_markdown
from sophia_cli.reading.source import Source
from sophia_cli.reading.text import read_text
from sophia_cli.reading.walk import files_of

_NOTHING_GIVEN = Given()


def read_path(
    path: Path, fmt: Format | None, now: datetime, given: Given = _NOTHING_GIVEN
) -> Iterator[Item]:
    """What a file or a folder holds, in a fixed order: reading again gives the same drafts.

    Args:
        fmt: None tells it from each file; GIT on a folder reads the repository's history.
        now: what `2 days ago` and `30d` are counted from.

    Raises:
        NotFound: there is no such path.
        InvalidInput: it is neither a file nor a folder.
        SophiaError: git could not read the repository.
    """
    if not path.exists():
        raise NotFound(f"no file or folder {path}", "check the path")
    if path.is_dir():
        if fmt is Format.GIT:
            yield from _completed(read_repository(path, now), given, whole_file=True)
            return
        for file in files_of(path):
            name = file.relative_to(path).as_posix()
            yield from _read_file(file, name, fmt, now, given, in_folder=True)
    elif path.is_file() or path.is_fifo():
        yield from _read_file(path, path.name, fmt, now, given, in_folder=False)
    else:
        raise InvalidInput(f"{path} is neither a file nor a folder")


def read_stream(
    stream: IO[bytes] | IO[str],
    fmt: Format | None,
    name: str,
    now: datetime,
    given: Given = _NOTHING_GIVEN,
) -> Iterator[Item]:
    """What a stream holds; `name` stands for the file's name, e.g. `stdin`."""
    yield from _read(Source(stream, name), fmt, now, given, in_folder=False)


def _read_file(
    path: Path, name: str, fmt: Format | None, now: datetime, given: Given, *, in_folder: bool
) -> Iterator[Item]:
    shown = str(path)
    try:
        with path.open("rb") as stream:
            yield from _read(Source(stream, name, shown), fmt, now, given, in_folder=in_folder)
    except OSError as error:
        yield BadLine(shown, 0, error.strerror or "cannot be read")


def _read(
    source: Source, fmt: Format | None, now: datetime, given: Given, *, in_folder: bool
) -> Iterator[Item]:
    if fmt is None and is_binary(source):
        if not in_folder:
            yield BadLine(source.shown, 0, "not a text in UTF-8")
        return
    found = fmt or format_of(source)
    items: Iterator[Item]
    match found:
        case Format.JSONL:
            items = read_jsonl(source, now)
        case Format.CHAT if is_json(source):
            items = read_chat_export(source, now, given.session)
        case Format.CHAT:
            items = read_chat(source, now, given.session)
        case Format.MARKDOWN:
            items = read_markdown(source, now)
        case Format.GIT:
            items = read_git_log(source, now)
        case Format.TEXT:
            items = read_text(source)
    yield from _completed(items, given, whole_file=found is not Format.JSONL)


def _completed(items: Iterator[Item], given: Given, *, whole_file: bool) -> Iterator[Item]:
    """The items with what the user gave, and one kind for what belongs together."""
    filled = _filled(items, given)
    yield from filled if given.kind is not None else with_kinds(filled, whole_file=whole_file)


def _filled(items: Iterator[Item], given: Given) -> Iterator[Item]:
    turns = count()
    for item in items:
        if isinstance(item, Draft):
            item = replace(
                item,
                kind=given.kind or item.kind,
                user=item.user or given.user,
                agent=item.agent or given.agent,
            )
            if item.session is None and given.session is not None:
                turn = next(turns) if item.turn is None else item.turn
                item = replace(item, session=given.session, turn=turn)
        yield item
