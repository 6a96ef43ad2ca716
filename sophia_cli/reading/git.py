"""Git history: one commit a draft, from a repository or from the output of `git log`."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sophia_cli.errors import InvalidInput, SophiaError
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.moments import parse_moment
from sophia_cli.memory.validation import LONGEST_CONTENT
from sophia_cli.reading.item import BadLine, Item, taken
from sophia_cli.reading.source import Source

_TIMEOUT = 300.0
_COMMIT = re.compile(r"commit ([0-9a-f]{7,64})(?: \(.*\))?")
_FIELD = re.compile(r"(Author|AuthorDate|Date): +(.*)")
_AUTHOR = re.compile(r"(.*) <[^<>]*>")
_INDENT = "    "


def read_repository(path: Path, now: datetime) -> Iterator[Item]:
    """One draft a commit that HEAD reaches, newest first.

    Raises:
        SophiaError: git is not installed, took too long, or said no.
    """
    command = ["git", "-C", str(path), "--no-pager", "log", "--no-ext-diff", "--no-color"]
    command += ["--no-decorate", "--no-show-signature", "--format=medium", "--date=iso-strict"]
    command += ["--encoding=UTF-8", "--no-patch", "--no-notes", "--no-mailmap"]
    # A file, not a pipe: git is done, within its time, however slowly its commits are taken.
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=said,
                timeout=_TIMEOUT,
                check=False,
            )
        except FileNotFoundError:
            raise SophiaError("git is not installed", "install git, or give a saved log") from None
        except subprocess.TimeoutExpired:
            raise SophiaError(
                f"git log in {path} took over {_TIMEOUT:.0f} s",
                "save `git log` to a file and give that",
            ) from None
        if done.returncode:
            said.seek(0)
            reason = said.read(500).decode("utf-8", "replace").strip().splitlines()
            raise SophiaError(f"git log in {path} failed: {reason[0] if reason else 'no reason'}")
        log.seek(0)
        yield from read_git_log(Source(log, path.resolve().name or "git", str(path)), now)


def read_git_log(source: Source, now: datetime) -> Iterator[Item]:
    """One draft a commit of `git log`: its message, author and author date; kind coding.

    Only the message is read: what `--stat` or `--patch` print beneath it is not.
    """
    commit: _Commit | None = None
    for line in source.lines():
        begun = _COMMIT.fullmatch(line.text.rstrip())
        if begun is not None:
            if commit is not None:
                yield from _items(source, commit, now)
            commit = _Commit(line.number, begun[1])
        elif line.fault is not None:
            yield BadLine(source.shown, line.number, line.fault)
        elif commit is not None:
            commit.take(line.text)
        elif line.text.strip():
            yield BadLine(source.shown, line.number, "not a commit of `git log`")
    if commit is not None:
        yield from _items(source, commit, now)


@dataclass(slots=True)
class _Commit:
    """One commit as it is read: the fields of its head, then the message, indented by four."""

    line: int
    id: str
    author: str = ""
    date: str = ""
    message: list[str] = field(default_factory=list)
    length: int = 0

    def take(self, text: str) -> None:
        found = None if self.message else _FIELD.fullmatch(text)
        if found is not None and found[1] == "Author":
            self.author = found[2]
        elif found is not None:
            self.date = found[2]
        elif text.startswith(_INDENT) or not text.strip():
            self.length += len(text)
            # What is too long is refused as a whole: more of it need not be held.
            if self.length - len(text) <= LONGEST_CONTENT:
                self.message.append(text.removeprefix(_INDENT))


def _items(source: Source, commit: _Commit, now: datetime) -> Iterator[Item]:
    """The draft of a commit, after a note where its date cannot be read."""
    said_at = None
    try:
        said_at = parse_moment(commit.date, now) if commit.date else None
    except InvalidInput as error:
        yield BadLine(source.shown, commit.line, error.message, fatal=False)
    author = _AUTHOR.fullmatch(commit.author)
    draft = Draft(
        "\n".join(commit.message),
        kind=Kind.CODING,
        speaker=(author[1] if author else commit.author).strip() or None,
        said_at=said_at,
        tags={"source": source.tag, "commit": commit.id[:12]},
    )
    yield taken(source.shown, commit.line, draft)
