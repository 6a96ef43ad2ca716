"""A file: its content, whose it is and who may read it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sophia_cli.errors import Refused
from sophia_cli.ops.connection.protocol import Command, RemoteFile
from sophia_cli.ops.facts.content import LARGEST, FileDigest, FileText
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.path import AtPath, Kind
from sophia_cli.ops.operations.arguments import AbsolutePath, Mode, Owner
from sophia_cli.ops.operations.diff import unified
from sophia_cli.ops.operations.operation import Change, Nothing, Put, Run

_TIMEOUT = 30.0
_DIFFERS = "content differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file.

    Attributes:
        content: all of it.
        owner: a user of the host, by name or number; `group` likewise.
        mode: without one, 0644, and 0600 for a secret.
        secret: whether its content is shown nowhere; then not everybody may read it.

    Raises:
        ValueError: a secret with a mode that lets everybody read it.
    """

    path: AbsolutePath
    content: bytes = field(repr=False)
    owner: Owner = "root"
    group: Owner = "root"
    mode: Mode | None = None
    secret: bool = False

    def __post_init__(self) -> None:
        if self.secret and int(self._mode, 8) & 0o007:
            raise ValueError("a secret file's mode must let nobody else read it, as 0640 or 0600")

    @property
    def title(self) -> str:
        """`file /etc/sophia/redis.conf`."""
        return f"file {self.path}"

    def needs(self) -> Sequence[Fact[Any]]:
        """What is there, and what it holds: as text where it may be shown."""
        return AtPath(self.path), self._content

    def compare(self, known: Known) -> Change | Nothing:
        """Writes it in one step, or changes owner and mode; `Refused` where a directory is."""
        state = known[AtPath(self.path)]
        if state.kind in (Kind.DIRECTORY, Kind.OTHER):
            raise Refused(
                f"{self.path} is there and is no file", "look what it is, and move it away"
            )
        if state.kind is not Kind.FILE:
            what = "write" if state.kind is Kind.ABSENT else "put in a link's place"
            return self._written(f"{what} {self.title}", None)
        if isinstance(self._content, FileDigest):
            same, before = known[self._content] == hashlib.sha256(self.content).hexdigest(), None
        else:
            before = known[self._content]
            same = before == self.content
        differences = state.differences(self.owner, self.group, self._mode)
        if not same:
            said = ", ".join([_DIFFERS, *differences])
            return self._written(f"change {self.title}: {said}", before)
        if differences:
            # In place: a container that has this very file mounted keeps seeing it.
            said = ", ".join(differences)
            return Change(f"change {self.title}: {said}", (Run(self._given_away()),))
        return Nothing("is as it should be")

    @property
    def _mode(self) -> str:
        return self.mode or ("0600" if self.secret else "0644")

    @property
    def _content(self) -> FileText | FileDigest:
        if self.secret or len(self.content) >= LARGEST or b"\0" in self.content:
            return FileDigest(self.path)
        return FileText(self.path)

    def _written(self, summary: str, before: bytes | None) -> Change:
        shown = isinstance(self._content, FileText)
        file = RemoteFile(
            self.path, self.content, self._mode, self.owner, self.group, secret=self.secret
        )
        diff = unified(self.path, before, self.content) if shown else ""
        return Change(summary, (Put(file),), diff)

    def _given_away(self) -> Command:
        path, owner = shlex.quote(self.path), shlex.quote(f"{self.owner}:{self.group}")
        return Command(f"chown {owner} -- {path} && chmod {self._mode} -- {path}", timeout=_TIMEOUT)
