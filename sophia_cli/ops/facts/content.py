"""What a file holds: its bytes, or of one that is secret its digest alone."""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass

LARGEST = 256 << 10
"""How much of a file is fetched to be compared, bytes; of a larger one, the digest says enough."""


@dataclass(frozen=True, slots=True)
class FileText:
    """The first `limit` bytes of a file. Not for secrets: they would travel and be kept."""

    path: str
    limit: int = LARGEST

    @property
    def command(self) -> str:
        """Prints it in base64: whatever is in it, it comes through."""
        path = shlex.quote(self.path)
        return f"if [ -f {path} ]; then head -c {self.limit} -- {path} | base64; else echo -; fi"

    def parse(self, output: str, exit_status: int) -> bytes | None:
        """The bytes; None where no file is. A link counts as what it leads to."""
        if exit_status != 0:
            raise ValueError(f"{self.path} cannot be read")
        text = "".join(output.split())
        return None if text == "-" else base64.b64decode(text, validate=True)


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
