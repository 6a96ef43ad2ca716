"""The real thin client as a process: its exit status is the acknowledgement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home

SOPHIA = Path(sys.executable).with_name("sophia")
ACKNOWLEDGED = (ExitStatus.OK, ExitStatus.PARTLY_DONE)
_HANGS_AFTER = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command line came to; `data` is empty unless it was acknowledged."""

    status: ExitStatus
    data: list[dict[str, Any]]
    output: str


class Client:
    """Runs command lines in one home; a command that hangs raises `TimeoutExpired`."""

    def __init__(self, home: Home) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SOPHIA_")}
        self._variables = {**kept, "SOPHIA_HOME": str(home.root)}

    def run(self, *arguments: str) -> str:
        """A command that must succeed; returns its standard output."""
        ended = self._ended(arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def ask(self, *arguments: str) -> Answer:
        """A command with --json, whatever it comes to."""
        ended = self._ended(("--json", *arguments))
        said = ended.stdout + ended.stderr
        assert ended.returncode in set(ExitStatus), (arguments, ended.returncode, said)
        assert "Traceback" not in said, said
        assert "an error in sophia itself" not in said, said
        status = ExitStatus(ended.returncode)
        # What a killed process had begun to print is no answer: the exit status says so.
        acknowledged = status in ACKNOWLEDGED
        data = json.loads(ended.stdout)["data"] if acknowledged else []
        return Answer(status, data, said)

    def _ended(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SOPHIA, *arguments],
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_HANGS_AFTER,
        )
