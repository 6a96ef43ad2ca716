"""Draining a Qdrant peer from outside: the deployed sophias stop using it, and are asked whether.

The drain itself is a row in the records that every process of sophia's follows (docs/drain.md);
here it is set through the service of each host, and each host's own service says that it has no
call at the peer any more.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

PROGRAM = "/opt/sophia/bin/sophia"
"""sophia as the service of a host runs it; playbooks/3-service.yaml puts it there."""
_BY = "deploy"
_ABSENT, _STOPPED = 70, 71
# A write that is on its way has a minute, here and at the others; then the command says so.
_TIMEOUT = 180.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of it on a host; `rows` is empty where no service runs."""

    host: str
    reason: str
    rows: list[dict[str, Any]]

    @property
    def data(self) -> dict[str, Any]:
        """The one row of a command that has one."""
        return self.rows[0] if self.rows else {}


def drain(site: Site, url: str) -> str:
    """Has every deployed sophia stop using a peer; returns once none has a call at it any more.

    Where sophia is not deployed, or does not run, nothing is done: nobody asks the peer.

    Args:
        url: the peer's REST address, as the services' `vectors.urls` have it.

    Raises:
        GateFailed: a service still uses it, or would be left without any peer.
        HostUnreachable, OutcomeUnknown, SudoRefused: a host could not be asked.
    """
    lone = len(site.inventory.with_role(Role.QDRANT)) == 1
    words = ["drain", url, "--by", _BY, *(["--even-last"] if lone else [])]
    answers = _everywhere(site, words)
    for each in answers:
        if each.data.get("busy"):
            raise GateFailed(
                f"{each.host}: {', '.join(each.data['busy'])} still has calls at {url}",
                f"on {each.host}: {PROGRAM} vectors status; what hangs ends within a minute or two",
            )
    asked = [each for each in answers if each.data]
    if not asked:
        return f"nothing to drain: {_reasons(answers)}"
    processes = {name for each in asked for name in each.data["others"]}
    others = len(processes - {each.data["process"] for each in asked})
    more = f" and {others} more {'processes' if others > 1 else 'process'}" if others else ""
    return f"sophia on {', '.join(each.host for each in asked)}{more} asks {url} no more"


def resume(site: Site, url: str) -> str:
    """Gives a drained peer its work back.

    Raises:
        GateFailed: a service did not take it back.
        HostUnreachable, OutcomeUnknown, SudoRefused: a host could not be asked.
    """
    answers = _everywhere(site, ["resume", url])
    asked = [each.host for each in answers if each.data]
    if not asked:
        return f"nothing to resume: {_reasons(answers)}"
    return f"sophia on {', '.join(asked)} asks {url} again"


def left_drained(site: Site) -> set[str]:
    """The REST addresses of peers that a deployment drained and did not take back.

    Raises:
        GateFailed, HostUnreachable, OutcomeUnknown, SudoRefused: see `drain`.
    """
    return {
        each["url"]
        for answer in _everywhere(site, ["status"])
        for each in answer.rows
        if each.get("drained_by") == _BY
    }


def _everywhere(site: Site, words: list[str]) -> list[_Answer]:
    """The same command on each host with sophia, at once."""
    return list(on_all(site, site.inventory.with_role(Role.SOPHIA), _on(site, words)).values())


def _on(site: Site, words: list[str]) -> Callable[[str], _Answer]:
    text = (
        f"test -x {PROGRAM} || exit {_ABSENT}\n"
        f"systemctl is-active --quiet sophia.service || exit {_STOPPED}\n"
        f"exec {shlex.join([PROGRAM, '--json', 'vectors', *words])}"
    )

    def asked(host: str) -> _Answer:
        with site.connections.to(host) as connection:
            finished = connection.run(Command(text, timeout=_TIMEOUT))
        if finished.exit_status == _ABSENT:
            return _Answer(host, f"sophia is not deployed on {host} yet", [])
        if finished.exit_status == _STOPPED:
            return _Answer(host, f"sophia does not run on {host}", [])
        try:
            said = json.loads(finished.stdout)
        except ValueError:
            said = {}
        if finished.exit_status != 0 or not said.get("data"):
            error = said.get("error") or {}
            message = error.get("message") or finished.stderr.strip()[-300:] or "no answer"
            raise GateFailed(
                f"{host}: sophia vectors {words[0]}: {message}",
                error.get("hint") or f"on {host}: journalctl -u sophia -n 50",
            )
        return _Answer(host, "", said["data"])

    return asked


def _reasons(answers: list[_Answer]) -> str:
    return "; ".join(each.reason for each in answers) or "no host has the role sophia"
