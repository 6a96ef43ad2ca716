"""How much of the disk a directory takes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """The bytes that a directory, or a file, takes on its own file system."""

    path: str

    @property
    def command(self) -> str:
        """Prints them; what cannot be read does not count."""
        return f"du -s -x -B1 -- {shlex.quote(self.path)}; true"

    def parse(self, output: str, exit_status: int) -> int | None:
        """Bytes; None where nothing is, and where it is too much to be counted in time."""
        if exit_status == 124 or not output.strip():
            return None
        return int(output.split()[0])
