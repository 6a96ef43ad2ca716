from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sophia_cli.ops.connection.protocol import Command, Finished
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.facts import fact
from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.facts.fact import Known, gather
from sophia_cli.ops.facts.path import AtPath, Kind
from sophia_cli.ops.facts.status import Status
from tests.ops.local import LocalConnection


@dataclass(frozen=True)
class Said:
    """What a command prints, and how it ends."""

    command: str

    def parse(self, output: str, exit_status: int) -> tuple[str, int]:
        return output, exit_status


@dataclass(frozen=True)
class Number:
    command: str

    def parse(self, output: str, exit_status: int) -> int:
        return int(output)


def read(*commands: str) -> list[tuple[str, int]]:
    known = gather(LocalConnection(), [Said(command) for command in commands])
    return [known[Said(command)] for command in commands]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo one", ("one\n", 0)),
        ("printf one", ("one", 0)),
        ("printf ''", ("", 0)),
        ("printf '\\n\\n'", ("\n\n", 0)),
        ("echo one; exit 3", ("one\n", 3)),
        ("not-a-program", ("", 127)),
        ("echo 'it''s'; echo \"a \\\"b\\\" $((1 + 1))\"", ('its\na "b" 2\n', 0)),
        ("echo hidden >&2", ("", 0)),
        ("cat", ("", 0)),
        ("if then", ("", 2)),
        ("kill $$", ("", 143)),
        ("cat <<'END'\nsome\nlines\nEND", ("some\nlines\n", 0)),
        ("printf '\\377'", ("�", 0)),
        ("seq 20000 | tail -n 1; seq 20000 | wc -c", ("20000\n108894\n", 0)),
    ],
)
def test_a_fact_gets_what_its_command_prints(command: str, expected: tuple[str, int]) -> None:
    # Whatever one does, the next one is read as well.
    first, second = read(command, "echo next")
    assert first == expected
    assert second == ("next\n", 0)


def test_all_facts_are_read_in_one_command_of_the_connection() -> None:
    connection = LocalConnection()
    facts = [Said(f"echo {number}") for number in range(30)]
    known = gather(connection, facts)
    assert [known[each] for each in facts] == [(f"{number}\n", 0) for number in range(30)]
    assert len(connection.commands) == 1


def test_a_fact_that_is_wanted_twice_is_asked_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    asked = Said(f"echo x >> {count}")
    gather(LocalConnection(), [asked, asked])
    assert count.read_text() == "x\n"


def test_no_facts_need_no_connection() -> None:
    connection = LocalConnection()
    assert gather(connection, []) == Known()
    assert connection.commands == []


def test_what_takes_too_long_ends_with_124_and_the_rest_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fact, "_PATIENCE", 1)
    assert read("echo begun; sleep 30", "echo next") == [("begun\n", 124), ("next\n", 0)]


def test_facts_are_read_as_root_in_the_c_locale_with_every_program_in_reach() -> None:
    (said, _), *_ = read('echo "$(id -u) $LC_ALL $PATH"')
    assert said == "0 C /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


def test_an_output_that_cannot_be_read_names_host_fact_and_command() -> None:
    with pytest.raises(CommandFailed, match=r"here: Number: .*'many'") as raised:
        gather(LocalConnection(), [Number("printf many")])
    assert "printf many" in raised.value.hint


def test_a_host_that_stops_on_the_way_is_not_taken_for_one_that_answered() -> None:
    class Cut(LocalConnection):
        def run(self, command: Command, on_output: object = None) -> Finished:
            whole = LocalConnection.run(self, command)
            return Finished(0, whole.stdout[: len(whole.stdout) // 2], "cut")

    connection = Cut()
    with pytest.raises(CommandFailed, match="only 1 of 2 could be read: cut"):
        gather(connection, [Said(f"echo {word}") for word in ("one", "two", "three")])
    assert len(connection.commands) == 2


def test_only_what_was_not_read_at_once_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fact, "_PATIENCE", 1)
    before, after = tmp_path / "before", tmp_path / "after"
    said = read(
        f"echo x >> {before}", "echo begun; sleep 30", f"echo y >> {after}", f"cat {before} {after}"
    )
    assert said == [("", 0), ("begun\n", 124), ("", 0), ("x\ny\n", 0)]


def test_what_a_fact_s_shell_does_to_itself_is_no_other_fact_s_business() -> None:
    said = read("set -e; cd /proc; x=1; trap 'echo left' EXIT; false", "echo $PWD $x")
    assert said == [("left\n", 1), ("/\n", 0)]


def test_facts_of_a_kind_are_read_together_where_it_can_be_so() -> None:
    connection = LocalConnection()
    paths = [AtPath(path) for path in ("/proc", "/nothing", "/dev/null")]
    known = gather(connection, [*paths, Status("exit 3"), AtPath("/proc/self", follow=True)])
    assert [known[each].kind for each in paths] == [Kind.DIRECTORY, Kind.ABSENT, Kind.OTHER]
    assert known[AtPath("/proc/self", follow=True)].kind is Kind.DIRECTORY
    assert known[Status("exit 3")] == 3
    [command] = connection.commands
    assert command.stdin.count(b"stat --printf") == 1


def test_what_cannot_be_told_apart_is_read_alone(tmp_path: Path) -> None:
    odd, plain = tmp_path / "a\nb\tc", tmp_path / "plain"
    odd.write_text("12")
    connection = LocalConnection()
    known = gather(connection, [AtPath(str(odd)), AtPath(str(plain)), Status("true")])
    assert known[AtPath(str(odd))].size == 2
    assert known[AtPath(str(plain))].kind is Kind.ABSENT
    assert len(connection.commands) == 2
    assert b"true" not in connection.commands[1].stdin.replace(b"; true", b"")


def test_of_facts_read_together_the_one_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fact, "_PATIENCE", 1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    silent = HeadOf(str(pipe))
    with pytest.raises(CommandFailed, match="pipe does not answer"):
        gather(LocalConnection(), [HeadOf("/proc/uptime"), silent])


def test_too_few_answers_are_none(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.write_text("")
    full.write_text("f")
    known = gather(LocalConnection(), [HeadOf(str(empty)), HeadOf(str(full))])
    assert (known[HeadOf(str(empty))], known[HeadOf(str(full))]) == ("", "f")


@dataclass(frozen=True)
class HeadOf:
    """A byte of a file, which a pipe that nobody writes to never says."""

    path: str

    @classmethod
    def together(cls, facts: Sequence[HeadOf]) -> HeadsOf:
        return HeadsOf(tuple(facts))

    @property
    def command(self) -> str:
        return f"head -c 1 {self.path}"

    def parse(self, output: str, exit_status: int) -> str:
        if exit_status == 124:
            raise ValueError(f"{self.path} does not answer")
        return output


@dataclass(frozen=True)
class HeadsOf:
    facts: tuple[HeadOf, ...]

    @property
    def command(self) -> str:
        return "; ".join(each.command for each in self.facts)

    def parse(self, output: str, exit_status: int) -> list[str]:
        if exit_status == 124:
            raise ValueError("one of them does not answer")
        return list(output)


def test_newer_facts_win() -> None:
    one, two = Said("one"), Said("two")
    known = Known({one: 1, two: 2}).with_more(Known({one: 3}))
    assert (known[one], known[two]) == (3, 2)
    assert Said("three") not in known


def test_facts_of_many_kinds_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "it's a file"
    path.write_bytes(b"\0\xff' end\n")
    at, text, yes, no = AtPath(str(path)), FileText(str(path)), Status("true"), Status("exit 4")
    known = gather(LocalConnection(), [at, text, yes, no])
    assert known[at].kind is Kind.FILE
    assert known[text] == b"\0\xff' end\n"
    assert (known[yes], known[no]) == (0, 4)
