"""What a fact is, and how all facts of a host that are wanted are read in one round trip."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

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

    Where such a command does not say what it should, a second round trip asks one after the other.

    Raises:
        CommandFailed: a command's output cannot be read as what it should be.
        OutcomeUnknown, HostUnreachable, SudoRefused: see `Connection`.
    """
    wanted = dict.fromkeys(facts)
    groups = _groups(wanted)
    joined = {_joined(group): group for group in groups if len(group) > 1}
    single = [group[0] for group in groups if len(group) == 1]
    values: dict[Fact[Any], Any] = {}
    for fact, said in _asked(connection, [*joined, *single]):
        if fact not in joined:
            values[fact] = _parsed(connection, fact, *said)
            continue
        with suppress(ValueError):
            values |= dict(zip(joined[fact], fact.parse(*said), strict=True))
    for fact, said in _asked(connection, [each for each in wanted if each not in values]):
        values[fact] = _parsed(connection, fact, *said)
    return Known(values)


def _groups(facts: Iterable[Fact[Any]]) -> list[list[Fact[Any]]]:
    """Those of one kind together where that kind can be read so; every other one alone."""
    groups: dict[object, list[Fact[Any]]] = {}
    for fact in facts:
        kind = type(fact) if isinstance(fact, Joinable) else fact
        groups.setdefault(kind, []).append(fact)
    return list(groups.values())


def _joined(group: Sequence[Any]) -> Fact[Sequence[Any]]:
    joined: Fact[Sequence[Any]] = group[0].together(group)
    return joined


def _asked(
    connection: Connection, facts: Sequence[Fact[Any]]
) -> Iterator[tuple[Fact[Any], tuple[str, int]]]:
    """What the command of each printed, and its exit status."""
    if not facts:
        return iter(())
    mark = secrets.token_hex(8)
    finished = connection.run(Command("sh -s", stdin=_script(facts, mark).encode()))
    answers = _answers(finished.stdout, mark)
    if len(answers) != len(facts):
        raise CommandFailed(
            f"{connection.host}: facts: only {len(answers)} of {len(facts)} could be read: "
            f"{finished.stderr.strip()[-200:]}"
        )
    return zip(facts, answers, strict=True)


def _parsed(connection: Connection, fact: Fact[T], output: str, status: int) -> T:
    try:
        return fact.parse(output, status)
    except ValueError as error:
        raise CommandFailed(
            f"{connection.host}: {type(fact).__name__}: {error}",
            f"look at what this prints there: {fact.command[:200]}",
        ) from error


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
