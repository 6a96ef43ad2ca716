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
        """All of them by one call of each program."""
        return FileTexts(tuple(facts))

    @property
    def command(self) -> str:
        """Prints it in base64 on one line, which whatever is in it comes through."""
        path = shlex.quote(self.path)
        read = f"head -c {self.limit} -- {path} | base64 -w 0"
        return f"if [ -f {path} ]; then {read}; else echo -; fi"

    def parse(self, output: str, exit_status: int) -> bytes | None:
        """The bytes; None where no file is. A link counts as what it leads to."""
        if exit_status != 0:
            raise ValueError(f"{self.path} cannot be read")
        text = output.strip()
        return None if text == "-" else base64.b64decode(text, validate=True)


@dataclass(frozen=True, slots=True)
class FileTexts:
    """The first bytes of some files."""

    facts: tuple[FileText, ...]

    @property
    def command(self) -> str:
        """Prints `+` or `-` for each path, and in base64 what all hold, each behind its name."""
        return f"""\
set --
for p in {shlex.join(self._paths)}; do
    if [ -f "$p" ]; then set -- "$@" "$p"; echo +; else echo -; fi
done
[ $# -eq 0 ] || head -v -c {self._limit} -- "$@" | base64 -w 0"""

    def parse(self, output: str, exit_status: int) -> list[bytes | None]:
        """What each holds; None where no file is; `ValueError` if it is not clear what is whose."""
        *signs, encoded = output.split("\n")
        if exit_status != 0:
            raise ValueError("files cannot be read")
        signed = zip(self._paths, signs, strict=True)
        rest = b"\n" + base64.b64decode(encoded, validate=True)
        held: dict[str, bytes] = {}
        for path in reversed([path for path, sign in signed if sign == "+"]):
            rest, held[path] = rest.split(f"\n==> {path} <==\n".encode())
        if rest.strip():
            raise ValueError("files say more than they hold")
        return [held[fact.path][: fact.limit] if fact.path in held else None for fact in self.facts]

    @property
    def _paths(self) -> list[str]:
        return list(dict.fromkeys(each.path for each in self.facts))

    @property
    def _limit(self) -> int:
        return max(each.limit for each in self.facts)


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
