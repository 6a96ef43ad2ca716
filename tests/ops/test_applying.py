"""A plan is carried out once, stops at what fails, and goes on where it was."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sophia_cli.errors import ConfigurationError, Refused, SophiaError
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.errors import CommandFailed, GateFailed, HostUnreachable, OutcomeUnknown
from sophia_cli.ops.journal_event import What
from sophia_cli.ops.plan import differences
from sophia_cli.ops.plan_file import check_same, read_plan, write_plan
from sophia_cli.ops.site import Site
from tests.ops.applying_local import SECRET, Town

FILES = """\
  - name: a directory
    on: qdrant
    directory: {path: "$HERE/etc"}
  - name: a file
    on: qdrant
    file: {path: "$HERE/etc/name", content: "{{ host.name }} of {{ facts.cpus }}\\n"}
  - name: a secret
    on: redis
    template: {source: conf, path: "$HERE/etc/conf"}
"""
CONF = "requirepass {{ secrets['redis-password'] }}\n"
MARKS = """\
  - name: first
    on: qdrant
    script: {name: first mark, check: "test -e $HERE/1", run: "touch $HERE/1"}
  - name: second
    on: qdrant
    script:
      {name: second, check: "test -e $HERE/2", run: "test ! -e $HERE/no && touch $HERE/2"}
  - name: third
    on: qdrant
    script: {name: third mark, check: "test -e $HERE/3", run: "touch $HERE/3"}
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town.at(tmp_path)


def test_what_is_planned_is_done_and_then_there_is_nothing_to_do(town: Town) -> None:
    town.write(FILES, conf=CONF)
    plan = town.plan()
    assert [(task.host, task.step.name) for task in plan.open] == [
        ("a", "a directory"),
        ("b", "a directory"),
        ("a", "a file"),
        ("b", "a file"),
        ("a", "a secret"),
    ]
    assert not (town.folder / "a" / "etc").exists()
    assert town.apply(plan) == {"changed": 5, "unchanged": 0}
    assert (town.folder / "b" / "etc" / "name").read_text().startswith("b of ")
    assert (town.folder / "a" / "etc" / "conf").read_text() == f"requirepass {SECRET}\n"
    assert (town.folder / "a" / "etc" / "conf").stat().st_mode & 0o777 == 0o600
    assert town.plan().open == []
    before = [len(each.commands) for each in town.connections.hosts.values()]
    assert town.apply() == {"changed": 0, "unchanged": 5}
    after = [len(each.commands) for each in town.connections.hosts.values()]
    assert [late - early for late, early in zip(after, before, strict=True)] == [2, 2]


def test_no_secret_is_in_a_plan_or_in_what_is_noted(town: Town) -> None:
    town.write(FILES, conf=CONF)
    plan = town.plan()
    town.apply(plan)
    assert SECRET not in json.dumps(plan.as_json())
    assert SECRET not in repr(plan)
    assert SECRET not in repr(town.noted)
    assert all(SECRET not in command.text for command in town.connections.hosts["a"].commands)


def test_no_secret_that_a_command_prints_is_in_an_error_or_in_what_is_noted(town: Town) -> None:
    run = "cat >&2; exit 1"
    town.write(
        "  - name: loud\n    on: redis\n    script:\n"
        f"      {{name: loud, check: 'false', run: {run!r}, stdin: \"{{{{ secrets['x'] }}}}\"}}\n"
    )
    town.site = replace(town.site, redact=lambda text: text.replace(SECRET, "***"))
    with pytest.raises(CommandFailed) as raised:
        town.apply()
    assert "***" in raised.value.message
    assert SECRET not in raised.value.message
    assert all(SECRET not in str(known["summary"]) for _, known in town.noted)


def test_a_diff_shows_what_changes_in_a_file(town: Town) -> None:
    town.write(FILES, conf=CONF)
    town.apply()
    (town.folder / "a" / "etc" / "name").write_text("somebody else\n")
    [task] = town.plan().open
    assert "-somebody else" in task.as_json()["diff"]
    assert "+a of" in task.as_json()["diff"]


def test_a_failure_names_host_step_and_output_and_nothing_after_it_is_begun(town: Town) -> None:
    town.write(MARKS)
    (town.folder / "a" / "no").touch()
    with pytest.raises(CommandFailed) as raised:
        town.apply()
    assert raised.value.message.startswith("test: second: a: ")
    assert "sophia deploy" in raised.value.hint
    assert not (town.folder / "b" / "3").exists()
    assert (What.STEP_FAILED.value, "a", "second") in town.happened()
    (town.folder / "a" / "no").unlink()
    assert town.apply() == {"changed": 3, "unchanged": 3}
    assert (town.folder / "a" / "3").exists()


def test_one_by_one_leaves_the_next_host_alone_after_a_failure(town: Town) -> None:
    town.write(MARKS.replace("    script:\n", "    order: one-by-one\n    script:\n"))
    (town.folder / "a" / "no").touch()
    with pytest.raises(CommandFailed):
        town.apply()
    assert not (town.folder / "b" / "2").exists()


def test_a_gate_that_does_not_open_stops_what_comes_after_it(town: Town) -> None:
    asked: list[Sequence[str]] = []

    def gate(site: Site, hosts: Sequence[str]) -> str:
        asked.append(hosts)
        raise GateFailed("b: says no", "ask again")

    town.gates["mine"] = gate
    first, second, third = MARKS.split("  - name: ")[1:]
    middle = "  - {name: is it well, on: qdrant, gate: mine}\n"
    town.write(f"  - name: {first}{middle}  - name: {second}  - name: {third}")
    with pytest.raises(GateFailed, match="test: is it well: b: says no"):
        town.apply()
    assert asked == [("a", "b")]
    assert (town.folder / "a" / "1").exists()
    assert not (town.folder / "a" / "2").exists()


def test_gates_that_look_ahead_meet_and_are_told_in_their_turn(town: Town) -> None:
    both = threading.Barrier(2, timeout=10)

    def meets(site: Site, hosts: Sequence[str]) -> str:
        both.wait()
        return "well"

    def refuses(site: Site, hosts: Sequence[str]) -> str:
        both.wait()
        raise GateFailed("b: says no", "ask again")

    town.gates |= {"first": meets, "second": refuses, "last": meets}
    names = ("first", "second", "last")
    town.write("".join(f"  - {{name: is {n} well, on: qdrant, gate: {n}}}\n" for n in names))
    plan = town.plan()
    applying = town.applying(plan)
    applying.look_ahead(["first", "second"])  # alone, each of them would wait in vain
    with pytest.raises(GateFailed, match="test: is second well: b: says no"):
        applying.phase(plan.phases[0])
    assert [each[::2] for each in town.happened(What.GATE_OPENED, What.STEP_FAILED)] == [
        ("gate opened", "is first well"),
        ("step failed", "is second well"),
    ]


def test_a_gate_that_is_not_wanted_is_not_asked(town: Town) -> None:
    asked: list[Sequence[str]] = []

    def gate(site: Site, hosts: Sequence[str]) -> str:
        asked.append(hosts)
        return "well"

    town.gates["mine"] = gate
    wanted_on_b = "{name: x, on: qdrant, gate: mine, when: \"{{ host.name == 'b' }}\"}"
    unwanted = '{name: y, on: qdrant, gate: mine, when: "{{ services.grafana.enabled == 3 }}"}'
    town.write(f"  - {wanted_on_b}\n  - {unwanted}\n")
    town.apply()
    assert asked == [("b",)]


def test_a_guard_stands_around_each_change_and_no_more(town: Town) -> None:
    stood: list[str] = []

    class Standing:
        def before(self, site: Site, host: str) -> str:
            stood.append(f"before {host} {(town.folder / host / '2').exists()}")
            return "drained"

        def after(self, site: Site, host: str) -> str:
            stood.append(f"after {host} {(town.folder / host / '2').exists()}")
            return "resumed"

    town.guards["mine"] = Standing()
    guarded = "    order: one-by-one\n    guard: mine\n    script:\n"
    town.write(MARKS.replace("    script:\n", guarded))
    town.apply()
    assert stood == ["before a False", "after a True", "before b False", "after b True"]
    town.apply()
    assert len(stood) == 4
    assert (What.GUARDED.value, "b", "second") in town.happened()


def test_a_lost_connection_is_looked_up_and_counts_as_what_is_found(town: Town) -> None:
    town.write(MARKS)

    def lost_behind(host: str, command: Command) -> None:
        if command.text.startswith("touch") and command.text.endswith("/a/1"):
            (town.folder / "a" / "1").touch()
            raise OutcomeUnknown("a: the connection was lost")

    town.connections.hosts["a"].trouble = lost_behind
    assert town.apply() == {"changed": 6, "unchanged": 0}


def test_what_is_not_known_to_be_done_is_not_reported_as_done(town: Town) -> None:
    town.write(MARKS)

    def lost_before(host: str, command: Command) -> None:
        if command.text.startswith("touch") and command.text.endswith("/a/1"):
            raise OutcomeUnknown("a: the connection was lost")

    town.connections.hosts["a"].trouble = lost_before
    with pytest.raises(OutcomeUnknown, match="test: first: a: the connection was lost"):
        town.apply()
    assert (What.STEP_UNKNOWN.value, "a", "first") in town.happened()
    assert (What.STEP_CHANGED.value, "a", "first") not in town.happened()
    town.connections.hosts["a"].trouble = lambda *_: None
    assert town.apply() == {"changed": 5, "unchanged": 1}


def test_a_host_that_cannot_be_reached_is_named_before_anything_is_done(town: Town) -> None:
    town.write(MARKS)
    del town.connections.hosts["b"]
    with pytest.raises(HostUnreachable, match="b: no route to it"):
        town.plan()
    assert not (town.folder / "a" / "1").exists()


def test_a_step_that_is_not_wanted_on_a_host_is_no_task(town: Town) -> None:
    town.write(
        MARKS.replace("on: qdrant\n", "on: qdrant\n    when: \"{{ host.name == 'b' }}\"\n", 1)
    )
    plan = town.plan()
    assert [task.host for task in plan.tasks if task.step.name == "first"] == ["b"]


def test_what_a_script_would_find_is_known_after_the_step_before_it(town: Town) -> None:
    town.write(MARKS)
    plan = town.plan()
    assert [task.kind for task in plan.tasks if task.host == "a"] == ["change", "later", "later"]
    assert plan.tasks[2].says == "known after step 1 (first)"


def test_a_template_that_names_nothing_says_where(town: Town) -> None:
    town.write(FILES, conf="{{ services.redsi.port }}")
    with pytest.raises(ConfigurationError) as raised:
        town.plan()
    assert "1-test.yaml:11: a secret: conf: " in raised.value.message


def test_a_plan_in_a_file_is_carried_out_as_long_as_nothing_moved(
    town: Town, tmp_path: Path
) -> None:
    town.write(FILES, conf=CONF)
    path = tmp_path / "a.plan"
    write_plan(path, town.plan(), str)
    saved = read_plan(path)
    assert path.stat().st_mode & 0o777 == 0o600
    check_same(saved, town.plan())
    (town.folder / "b" / "etc").mkdir()
    with pytest.raises(Refused, match="b: a directory: was: "):
        check_same(saved, town.plan())
    assert list(differences(saved, saved)) == []


def test_a_plan_replaces_a_plan_and_nothing_else(town: Town, tmp_path: Path) -> None:
    town.write(FILES, conf=CONF)
    plan, path, mine = town.plan(), tmp_path / "a.plan", tmp_path / "sophia.yaml"
    write_plan(path, plan, str)
    write_plan(path, plan, str)
    mine.write_text("hosts: {}\n")
    with pytest.raises(Refused, match="is no plan"):
        write_plan(mine, plan, str)
    assert mine.read_text() == "hosts: {}\n"


HALF = {"format": "sophia plan 1", "fingerprint": "x", "machines": {}, "phases": []}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[1]", '{"format": "other"}', "not json"),
        json.dumps(HALF),
        json.dumps({**HALF, "tasks": [1]}),
        json.dumps({**HALF, "tasks": [{"host": "a"}]}),
        json.dumps({**HALF, "tasks": [], "phases": "all"}),
    ],
)
def test_a_file_that_is_no_plan_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.plan"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="is no plan"):
        read_plan(path)


def test_nothing_is_begun_once_the_user_has_stopped_it(town: Town) -> None:
    town.write(MARKS)
    applying = town.applying(town.plan())

    def stop() -> None:
        if (town.folder / "a" / "1").exists():
            raise Refused("stopped")

    applying.check = stop
    with pytest.raises(SophiaError, match="stopped"):
        applying.phase(applying.plan.phases[0])
    assert not (town.folder / "a" / "2").exists()
