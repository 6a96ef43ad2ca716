"""Programs that answer as a test tells them to, and fail on anything that they were not told."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_UNTOLD = 97


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program does for a command line.

    Attributes:
        when: a pattern of `case` in `sh` over all arguments: `inspect * sophia-redis`.
        times: how often it is right; 0 for ever.
        stdin: a file that gets what the program reads.
    """

    when: str
    prints: str = ""
    complains: str = ""
    status: int = 0
    times: int = 0
    stdin: Path | None = None


def program(directory: Path, name: str, answers: Sequence[Answer]) -> None:
    """Makes a program in a directory; its answers are tried in order, the first that fits is given.

    The command lines that it saw are in `NAME.seen`, one a line; those that it was not told of are
    in `NAME.untold` as well.
    """
    place = directory / name
    lines = ["#!/bin/sh", f'echo "$*" >> {shlex.quote(f"{place}.seen")}']
    for number, answer in enumerate(answers):
        count = shlex.quote(f"{place}.{number}")
        pattern = "*".join(shlex.quote(part) if part else "" for part in answer.when.split("*"))
        lines.append(f'case "$*" in {pattern})')
        if answer.times:
            lines.append(f"if [ $(cat {count} 2>/dev/null | wc -l) -lt {answer.times} ]; then")
            lines.append(f"echo x >> {count}")
        if answer.stdin is not None:
            lines.append(f"cat > {shlex.quote(str(answer.stdin))}")
        lines.append(f"printf %s {shlex.quote(answer.prints)}")
        lines.append(f"printf %s {shlex.quote(answer.complains)} >&2")
        lines.append(f"exit {answer.status}")
        lines += ["fi"] if answer.times else []
        lines.append(";; esac")
    lines.append(f'echo "$*" >> {shlex.quote(f"{place}.untold")}')
    lines.append(f'echo "{name} was not told what to do with $*" >&2; exit {_UNTOLD}')
    place.write_text("\n".join(lines) + "\n")
    place.chmod(0o755)


def seen(directory: Path, name: str) -> list[str]:
    """The command lines that a program saw.

    Raises:
        AssertionError: it was not told of one of them.
    """
    untold = directory / f"{name}.untold"
    assert not untold.exists(), untold.read_text()
    file = directory / f"{name}.seen"
    return file.read_text().splitlines() if file.exists() else []
