"""How docker is asked: it may be absent, silent, or say what it has."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import quote


class Docker(StrEnum):
    """What docker does when it is asked."""

    ANSWERS = "answers"
    ABSENT = "is not installed"
    SILENT = "does not answer"

    @property
    def proviso(self) -> str:
        """What a plan adds to a step that needs docker: an earlier one is to bring it."""
        return "" if self is Docker.ANSWERS else f" (docker {self.value} yet)"


CURL = "curl -qgs"
"""Curl that reads no file of its own and takes an address as it is."""
SOCKET = """\
s=${DOCKER_HOST:-unix:///var/run/docker.sock}
s=${s#unix://}
c=${DOCKER_CONFIG:-$HOME/.docker}/config.json
[ -S "$s" ] && [ -z "$DOCKER_CONTEXT" ] && command -v curl >/dev/null || s=
[ ! -e "$c" ] || ! grep -q currentContext "$c" || s="""
"""Sets `s` to the socket of the docker that its client talks to; to nothing where curl cannot.

The client takes several times as long as curl, nearly all of it to start.
"""

_ABSENT = "docker is absent"
_FAILED = "docker did not do it"
_IF_PRESENT = f"command -v docker >/dev/null || {{ echo '{_ABSENT}'; exit 0; }}"
# Seconds until a daemon that says nothing counts as silent.
_PATIENCE = 10
# It may hold somebody's password, and stays on the host.
_WITHOUT_ENVIRONMENT = r"""sed -E 's/"Env": *\[("([^"\\]|\\.)*"[, ]*)*\]/"Env":[]/g'"""
# Asks docker's client, and says its answer as curl does.
_CLIENT = """\
i() {
    if o=$(docker "$1" inspect --format '{{json .}}' "$2" 2>&1); then n=200; else n=500; fi
    case $o in *[Nn]"o such $1"*) [ $n = 200 ] || n=404 ;; esac
    printf '%s\\n%s\\n' "$o" $n
}"""


def asked(command: str) -> str:
    """A command of docker's CLI as a fact's command: what it complains of is part of the output."""
    return f"{_IF_PRESENT}\n{{ {command}; }} 2>&1 || echo '{_FAILED}'"


def answer(output: str, exit_status: int) -> tuple[Docker, list[str]]:
    """What docker did when it was `asked`, and the lines that it said."""
    lines = [line for line in output.split("\n") if line.strip()]
    if _ABSENT in lines:
        return Docker.ABSENT, []
    if exit_status == 124 or _FAILED in lines:
        return Docker.SILENT, []
    return Docker.ANSWERS, lines


def inspected(paths: Sequence[str]) -> str:
    """What docker's API says at some paths, as a fact's command: the body and the status of each.

    Args:
        paths: `containers/NAME`, `images/REFERENCE`.
    """
    urls = shlex.join(f"http://docker/{quote(path, safe='/:@')}/json" for path in paths)
    calls = "\n".join(
        f"i {kind[:-1]} {shlex.quote(name)}"
        for kind, _, name in (path.partition("/") for path in paths)
    )
    return f"""{_IF_PRESENT}
{SOCKET}
{_CLIENT}
if [ "$s" ]; then
{CURL} --fail-early --max-time {_PATIENCE} -w '\\n%{{http_code}}\\n' --unix-socket "$s" {urls}
else
{calls}
fi | {_WITHOUT_ENVIRONMENT}"""


def objects(
    output: str, exit_status: int, paths: Sequence[str]
) -> tuple[Docker, Mapping[str, Mapping[str, Any]]]:
    """What docker did when it was `inspected`, and what it knows at each path; absent, at none.

    "No such" is an answer; any other complaint, and none within the time, is not.

    Raises:
        ValueError: what it knows cannot be read.
    """
    docker, _ = answer(output, exit_status)
    if docker is not Docker.ANSWERS:
        return docker, {}
    answers = re.findall(r"(.*?)\n([0-9]{3})\n", output, re.DOTALL)
    if len(answers) != len(paths) or not all(_is_one(*each) for each in answers):
        return Docker.SILENT, {}
    said = dict(zip(paths, answers, strict=True))
    return docker, {path: _read(body) for path, (body, status) in said.items() if status == "200"}


def _is_one(body: str, status: str) -> bool:
    return status == "200" or (status == "404" and "no such " in body.lower())


def _read(body: str) -> Mapping[str, Any]:
    """The object in it, which docker's client may have put warnings before."""
    read: Mapping[str, Any] = json.loads(body[body.index("{") :])
    return read
