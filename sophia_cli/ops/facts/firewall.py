"""A table of nftables as it works now."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FirewallTable:
    """A table of the family `inet`, by name."""

    name: str

    @property
    def command(self) -> str:
        """Prints it as nft writes it; nothing where there is none, or no nft."""
        return f"nft list table inet {shlex.quote(self.name)}; true"

    def parse(self, output: str, exit_status: int) -> str | None:
        """The table's text; None where there is none."""
        if exit_status == 124:
            raise ValueError("nft does not answer")
        return output if output.strip() else None
