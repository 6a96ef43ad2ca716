"""How docker is asked: it may be absent, silent, or say what it has."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import quote


class Docker(StrEnum):
    """What docker does when it is asked."""

    ANSWERS = "answers"
    ABSENT = "is not installed"
    SILENT = "does not answer"


SOCKET = """\
s=${DOCKER_HOST:-unix:///var/run/docker.sock}
s=${s#unix://}
[ -S "$s" ] && command -v curl >/dev/null || s="""
"""Sets `s` to docker's socket, or to nothing where curl cannot ask it.

Docker's own client takes four times as long as curl, nearly all of it to start.
"""

_ABSENT = "docker is absent"
_IF_PRESENT = f"command -v docker >/dev/null || {{ echo '{_ABSENT}'; exit 0; }}"
# Seconds until a daemon that says nothing counts as silent.
_PATIENCE = 10
# It may hold somebody's password, and stays on the host.
_WITHOUT_ENVIRONMENT = r"""sed -E 's/"Env": *\[("([^"\\]|\\.)*"[, ]*)*\]/"Env":[]/g'"""
_COMPLAINTS = ("error", "cannot connect", "permission denied", "curl:")


def asked(command: str) -> str:
    """A command of docker's CLI as a fact's command: what it complains of is part of the output."""
    return f"{_IF_PRESENT}\n{command} 2>&1; true"


def answer(output: str, exit_status: int) -> tuple[Docker, list[str]]:
    """What docker did, and the lines that it said.

    "No such" is an answer; any other complaint, and none within the time, is not.
    """
    if exit_status == 124:
        return Docker.SILENT, []
    said = [line for line in output.splitlines() if line.strip()]
    if _ABSENT in said:
        return Docker.ABSENT, []
    complaints = [line.lower() for line in said if line.lower().startswith(_COMPLAINTS)]
    if not all("no such" in each for each in complaints):
        return Docker.SILENT, []
    return Docker.ANSWERS, said


def inspected(paths: Sequence[str]) -> str:
    """What docker's API says at some paths, as a fact's command: an object, or a complaint, a line.

    Args:
        paths: `containers/NAME`, `images/REFERENCE`.
    """
    urls = shlex.join(f"http://docker/{quote(path, safe='/:@')}/json" for path in paths)
    clients = "\n".join(
        f"    docker {kind[:-1]} inspect --format '{{{{json .}}}}' {shlex.quote(name)} 2>&1"
        for kind, _, name in (path.partition("/") for path in paths)
    )
    return f"""{_IF_PRESENT}
{SOCKET}
if [ "$s" ]; then
    curl -gsS --fail-early --max-time {_PATIENCE} -w '\\n' --unix-socket "$s" {urls} 2>&1
else
{clients}
fi | {_WITHOUT_ENVIRONMENT}"""


def objects(
    output: str, exit_status: int, paths: Sequence[str]
) -> tuple[Docker, Mapping[str, Mapping[str, Any]]]:
    """What docker did when it was `inspected`, and what it knows at each path; absent, at none.

    Raises:
        ValueError: it did not answer for every path.
    """
    docker, lines = answer(output, exit_status)
    if docker is not Docker.ANSWERS:
        return docker, {}
    answers = dict(zip(paths, _answers(lines), strict=True))
    known = {path: each for path, each in answers.items() if "Id" in each}
    unknown = [each for path, each in answers.items() if path not in known]
    if not all("no such" in str(each.get("message")).lower() for each in unknown):
        return Docker.SILENT, {}
    return docker, known


def _answers(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """An object a path, a complaint as the API says it; warnings in between are left out."""
    for line in lines:
        if line.startswith("{"):
            yield json.loads(line)
        elif line.lower().startswith(_COMPLAINTS):
            yield {"message": line}
