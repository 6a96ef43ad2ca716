"""What a file holds: its bytes, or of one that is secret its digest alone."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 256 << 10
"""How much of a file is fetched to be compared, bytes; of a larger one, the digest says enough."""


@dataclass(frozen=True, slots=True)
class FileText:
    """The first `limit` bytes of a file. Not for secrets: they would travel and be kept."""

    path: str
    limit: int = LARGEST

    @classmethod
    def together(cls, facts: Sequence[FileText]) -> FileTexts:
        """All of them in one shell."""
        return FileTexts(tuple(facts))

    @property
    def command(self) -> str:
        """Prints it in base64 on one line, which whatever is in it comes through."""
        return f"{_PRINTED}\n{self.call}"

    @property
    def call(self) -> str:
        """The line that prints it, where it is known how."""
        return f"t {self.limit} {shlex.quote(self.path)}"

    def parse(self, output: str, exit_status: int) -> bytes | None:
        """The bytes; None where no file is. A link counts as what it leads to."""
        if exit_status != 0:
            raise ValueError(f"{self.path} cannot be read")
        text = output.strip()
        return None if text == "-" else base64.b64decode(text, validate=True)


_PRINTED = 't() { if [ -f "$2" ]; then head -c "$1" -- "$2" | base64 -w 0; echo; else echo -; fi; }'


@dataclass(frozen=True, slots=True)
class FileTexts:
    """The first bytes of some files."""

    facts: tuple[FileText, ...]

    @property
    def command(self) -> str:
        """Prints each on a line of its own."""
        return "\n".join([_PRINTED, *(each.call for each in self.facts)])

    def parse(self, output: str, exit_status: int) -> list[bytes | None]:
        """What each holds; None where no file is."""
        lines = output.split("\n")[:-1]
        if len(lines) != len(self.facts):
            raise ValueError(f"{len(lines)} lines for {len(self.facts)} files")
        return [fact.parse(line, exit_status) for fact, line in zip(self.facts, lines, strict=True)]


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The SHA-256 of a file."""

    path: str

    @property
    def command(self) -> str:
        """Prints it in hexadecimal."""
        path = shlex.quote(self.path)
        return f"if [ -f {path} ]; then sha256sum < {path}; else echo -; fi"

    def parse(self, output: str, exit_status: int) -> str | None:
        """64 hexadecimal digits; None where no file is."""
        if exit_status != 0:
            raise ValueError(f"{self.path} cannot be read")
        digest = output.split()[0]
        return None if len(digest) != 64 else digest
