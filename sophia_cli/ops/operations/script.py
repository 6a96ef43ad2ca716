"""A script, and the question that tells whether it is needed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, SecretStr

from sophia_cli.config.shapes import Shape, Timeout
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.status import Status
from sophia_cli.ops.operations.operation import Change, Nothing, Run

_CHECK_TIMEOUT = 30.0
ShellText = Annotated[str, Field(min_length=1), Shape("a command for sh")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script.

    Attributes:
        name: what it does, for people: `add the NVIDIA repository`.
        run: for the host's `sh`; seen by all on the host, so it holds no secret.
        check: reads only; with status 0 nothing is to be done. It is asked again afterwards.
        stdin: what `run` reads; may be a secret.
        timeout: how long `run` may take.
    """

    name: Annotated[str, Field(min_length=1, max_length=200), Shape("what it does, in words")]
    run: ShellText
    check: ShellText
    stdin: SecretStr | None = None
    sudo: bool = True
    timeout: Timeout = timedelta(minutes=10)

    @property
    def title(self) -> str:
        """`script: add the NVIDIA repository`."""
        return f"script: {self.name}"

    def needs(self) -> Sequence[Fact[Any]]:
        """What the check says."""
        return (Status(self.check),)

    def compare(self, known: Known) -> Change | Nothing:
        """Runs it unless the check says that nothing is to be done."""
        if known[Status(self.check)] == 0:
            return Nothing("its check says that nothing is to be done")
        stdin = self.stdin.get_secret_value().encode() if self.stdin is not None else b""
        failed = f"{self.title}: it ran, and its check still fails"
        check = f"sh -c {shlex.quote(self.check)} || {{ echo {shlex.quote(failed)} >&2; exit 1; }}"
        return Change(
            self.name,
            (
                Run(Command(self.run, stdin, self.sudo, self.timeout.total_seconds())),
                Run(Command(check, sudo=True, timeout=_CHECK_TIMEOUT)),
            ),
        )
