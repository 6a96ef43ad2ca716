"""How docker is asked: it may be absent, silent, or say what it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any


class Docker(StrEnum):
    """What docker does when it is asked."""

    ANSWERS = "answers"
    ABSENT = "is not installed"
    SILENT = "does not answer"


_ABSENT = "docker is absent"


def asked(command: str) -> str:
    """A command of docker's CLI as a fact's command: what it complains of is part of the output."""
    return f"command -v docker >/dev/null || {{ echo '{_ABSENT}'; exit 0; }}\n{command} 2>&1; true"


def answer(output: str, exit_status: int) -> tuple[Docker, list[str]]:
    """What docker did, and the lines that it said.

    "No such" is an answer; any other complaint, and none within the time, is not.
    """
    if exit_status == 124:
        return Docker.SILENT, []
    said = [line for line in output.splitlines() if line.strip()]
    if _ABSENT in said:
        return Docker.ABSENT, []
    lines = []
    for line in said:
        lowered = line.lower()
        if not lowered.startswith(("error", "cannot connect", "permission denied")):
            lines.append(line)
        elif "no such" not in lowered:
            return Docker.SILENT, []
    return Docker.ANSWERS, lines


def objects(lines: list[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects among lines; warnings that stand between them are left out.

    Raises:
        ValueError: a line begins like one and is none.
    """
    return (json.loads(line) for line in lines if line.startswith("{"))
