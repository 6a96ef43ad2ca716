"""What a file holds: its bytes, or of one that is secret its digest alone."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

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
        """Prints a line for each path, one for each file's size, and one of all they hold."""
        return f"""\
set --
for p in {shlex.join(each.path for each in self.facts)}; do
    if [ -f "$p" ]; then set -- "$@" "$p"; echo +; else echo -; fi
done
[ $# -gt 0 ] || exit 0
stat -L --printf '%s\\n' -- "$@"
head -q -c {self._limit} -- "$@" | base64 -w 0"""

    def parse(self, output: str, exit_status: int) -> list[bytes | None]:
        """What each holds; None where no file is.

        `ValueError` where it cannot be told what is whose, as of files that do not say their size.
        """
        lines = output.split("\n")
        are_files = [line == "+" for line in lines[: len(self.facts)]]
        *sizes, encoded = lines[len(self.facts) :]
        if exit_status != 0 or len(sizes) != sum(are_files):
            raise ValueError("files cannot be read")
        everything = base64.b64decode(encoded, validate=True)
        ends = list(accumulate(min(int(size), self._limit) for size in sizes))
        if len(everything) != (ends or [0])[-1]:
            raise ValueError("files are not as long as they say")
        shares = iter([everything[start:end] for start, end in pairwise([0, *ends])])
        return [
            next(shares)[: fact.limit] if is_file else None
            for fact, is_file in zip(self.facts, are_files, strict=True)
        ]

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
