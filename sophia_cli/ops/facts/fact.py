"""What a fact is, and how all facts of a host that are wanted are read in one round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import CommandFailed

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

# Seconds that one fact may take before it counts as not known, and all of a host's together.
_PATIENCE = 20
_ENVIRONMENT = "export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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


@runtime_checkable
class Joinable(Protocol):
    """A fact several of which one command reads, in less than each would take alone."""

    @classmethod
    def together(cls, facts: Sequence[Self]) -> Fact[Sequence[Any]]:
        """The fact whose value is those of `facts`, in their order.

        Its `parse` raises `ValueError` where it cannot tell one from the other; they are then
        read alone.
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
    """Reads facts in one round trip: those that can be read together by one command.

    What that leaves open, since it took too long or cannot be read, a second round trip asks again,
    one after the other and each with a time of its own.

    Raises:
        CommandFailed: a command's output cannot be read as what it should be.
        OutcomeUnknown, HostUnreachable, SudoRefused: see `Connection`.
    """
    wanted = dict.fromkeys(facts)
    groups = {_of(group): group for group in _groups(wanted)}
    values: dict[Fact[Any], Any] = {}
    answers, _ = _answers(connection, f"timeout {_PATIENCE} sh -s", map(_in_a_subshell, groups))
    for (fact, group), said in zip(groups.items(), answers, strict=False):
        with suppress(ValueError):
            value = fact.parse(*said)
            values |= {fact: value} if fact in group else dict(zip(group, value, strict=True))
    alone = [fact for fact in wanted if fact not in values]
    answers, complaint = _answers(connection, "sh -s", map(_by_itself, alone))
    if len(answers) != len(alone):
        raise CommandFailed(
            f"{connection.host}: facts: only {len(answers)} of {len(alone)} could be read: "
            f"{complaint.strip()[-200:]}"
        )
    for fact, said in zip(alone, answers, strict=True):
        values[fact] = _parsed(connection, fact, *said)
    return Known(values)


def _groups(facts: Iterable[Fact[Any]]) -> list[list[Fact[Any]]]:
    """Those of one kind together where that kind can be read so; every other one alone."""
    groups: dict[object, list[Fact[Any]]] = {}
    for fact in facts:
        kind = type(fact) if isinstance(fact, Joinable) else fact
        groups.setdefault(kind, []).append(fact)
    return list(groups.values())


def _of(group: Sequence[Any]) -> Fact[Any]:
    """The one fact of a group, or the one that stands for them all."""
    fact: Fact[Any] = group[0] if len(group) == 1 else group[0].together(group)
    return fact


def _answers(
    connection: Connection, shell: str, calls: Iterable[str]
) -> tuple[list[tuple[str, int]], str]:
    """What each call printed, and its exit status, as far as they came; and what sh complained of.

    Args:
        shell: reads the calls, one after the other.
    """
    mark = secrets.token_hex(8)
    lines = [
        f"printf '{mark} begin\\n'; {call} </dev/null 2>/dev/null; printf '\\n{mark} end %d\\n' $?"
        for call in calls
    ]
    if not lines:
        return [], ""
    finished = connection.run(Command(shell, "\n".join([_ENVIRONMENT, *lines, ""]).encode()))
    found = re.findall(
        rf"^{mark} begin\n(.*?)\n{mark} end (\d+)$", finished.stdout, re.DOTALL | re.MULTILINE
    )
    return [(text, int(status)) for text, status in found], finished.stderr


def _in_a_subshell(fact: Fact[Any]) -> str:
    """Starts no process. A command that ends its whole shell takes those after it along."""
    return f"(eval {_quoted(fact.command)})"


def _by_itself(fact: Fact[Any]) -> str:
    return f"timeout {_PATIENCE} sh -c {_quoted(fact.command)}"


def _parsed(connection: Connection, fact: Fact[T], output: str, status: int) -> T:
    try:
        return fact.parse(output, status)
    except ValueError as error:
        raise CommandFailed(
            f"{connection.host}: {type(fact).__name__}: {error}",
            f"look at what this prints there: {fact.command[:200]}",
        ) from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"
