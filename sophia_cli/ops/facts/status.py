"""What a command that only reads says by its exit status."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """The exit status of a command for `sh`; what it prints does not count."""

    command: str

    def parse(self, output: str, exit_status: int) -> int:  # noqa: ARG002
        """The status; `ValueError` when the command did not end in time."""
        if exit_status == 124:
            raise ValueError("the check did not end in time")
        return exit_status
