"""What a fact is, and how all facts of a host that are wanted are read in one round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import CommandFailed

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

# Seconds that one fact may take before it counts as not known.
_PATIENCE = 20


class Fact(Protocol[T_co]):
    """A command that changes nothing, and what its output means. Hashable: a frozen dataclass."""

    @property
    def command(self) -> str:
        """For the host's `sh`, as root. It should end with status 0 whatever it finds."""

    def parse(self, output: str, exit_status: int) -> T_co:
        """What the command's output says; `exit_status` 124 stands for out of time.

        Raises:
            ValueError: it is not an output of this command.
        """


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a host: the value of each fact that was read."""

    values: Mapping[Fact[Any], Any] = field(default_factory=dict)

    def __getitem__(self, fact: Fact[T]) -> T:
        value: T = self.values[fact]
        return value

    def __contains__(self, fact: object) -> bool:
        return fact in self.values

    def with_more(self, more: Known) -> Known:
        """These facts and newer ones; the newer win."""
        return Known({**self.values, **more.values})


def gather(connection: Connection, facts: Iterable[Fact[Any]]) -> Known:
    """Reads facts, all in one round trip.

    Raises:
        CommandFailed: a command's output cannot be read as what it should be.
        OutcomeUnknown, HostUnreachable, SudoRefused: see `Connection`.
    """
    wanted = list(dict.fromkeys(facts))
    if not wanted:
        return Known()
    mark = secrets.token_hex(8)
    finished = connection.run(Command("sh -s", stdin=_script(wanted, mark).encode()))
    answers = _answers(finished.stdout, mark)
    if len(answers) != len(wanted):
        raise CommandFailed(
            f"{connection.host}: facts: only {len(answers)} of {len(wanted)} could be read: "
            f"{finished.stderr.strip()[-200:]}"
        )
    values = {}
    for fact, (output, status) in zip(wanted, answers, strict=True):
        try:
            values[fact] = fact.parse(output, status)
        except ValueError as error:
            raise CommandFailed(
                f"{connection.host}: {type(fact).__name__}: {error}",
                f"look at what this prints there: {fact.command[:200]}",
            ) from error
    return Known(values)


def _script(facts: Iterable[Fact[Any]], mark: str) -> str:
    """Each fact's command in a `sh` of its own, its output between marks."""
    lines = ["export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    for fact in facts:
        lines.append(f"printf '{mark} begin\\n'")
        lines.append(
            f"timeout {_PATIENCE} sh -c {_quoted(fact.command)} </dev/null 2>/dev/null; s=$?"
        )
        lines.append(f"printf '\\n{mark} end %d\\n' $s")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _answers(output: str, mark: str) -> list[tuple[str, int]]:
    found = re.findall(
        rf"^{mark} begin\n(.*?)\n{mark} end (\d+)$", output, re.DOTALL | re.MULTILINE
    )
    return [(text, int(status)) for text, status in found]
