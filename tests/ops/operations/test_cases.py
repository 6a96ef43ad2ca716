"""One table an operation in `cases/`: arguments, what the host prints, what is to be done.

A case says either `summary`, with `commands`, `diff` and `destroys`, or `nothing`, or `refused`, or
`problems` of its arguments. A fact is named by its class and first argument. A command is its whole
text, or `{contains: [...]}` for a long one, with `stdin` where it has one; a file is `{put: path}`.
"""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sophia_cli.errors import Refused
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Operation, Put
from sophia_cli.ops.operations.registry import OPERATIONS, WrongArguments, build

_DIRECTORY = Path(__file__).parent / "cases"
_KEYS = {"name", "arguments", "facts", "summary", "commands", "diff", "destroys", "secrets"}
_TABLES = {path.stem: yaml.safe_load(path.read_text()) for path in _DIRECTORY.glob("*.yaml")}
_CASES = [
    pytest.param(operation, {**table.get("always", {}), **case}, id=f"{operation}: {case['name']}")
    for operation, table in sorted(_TABLES.items())
    for case in table["cases"]
]


def test_every_operation_has_a_table() -> None:
    assert set(_TABLES) == set(OPERATIONS)


def test_no_two_cases_have_one_name() -> None:
    names = [case.id for case in _CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "case"), _CASES)
def test_an_operation_yields_what_is_needed_and_no_more(name: str, case: dict[str, Any]) -> None:
    assert set(case) <= _KEYS | {"nothing", "refused", "problems"}
    if "problems" in case:
        with pytest.raises(WrongArguments) as wrong:
            build(name, case["arguments"])
        assert [list(each) for each in wrong.value.problems] == case["problems"]
        return
    operation = build(name, case["arguments"])
    known = _known(operation, case["facts"])
    if "refused" in case:
        with pytest.raises(Refused) as refused:
            operation.compare(known)
        assert refused.value.message == case["refused"]
        assert refused.value.hint
        return
    outcome = operation.compare(known)
    if "nothing" in case:
        assert outcome == Nothing(case["nothing"])
        return
    assert isinstance(outcome, Change), outcome
    assert outcome.summary == case["summary"]
    _compare_actions(outcome.actions, case["commands"])
    assert _lines(outcome.diff) == _lines(case.get("diff", ""))
    assert outcome.destroys == case.get("destroys", False)
    _keeps_secrets(operation, outcome, case.get("secrets", []))


def _known(operation: Operation, outputs: dict[str, Any]) -> Known:
    """Every fact that is needed, each from its output; nothing else may be given."""
    facts = {_label(fact): fact for fact in operation.needs()}
    assert set(outputs) == set(facts), "the case must give the facts that are needed"
    values = {}
    for label, output in outputs.items():
        text, status = (
            (output, 0) if isinstance(output, str) else (output["output"], output["status"])
        )
        values[facts[label]] = facts[label].parse(text, status)
    return Known(values)


def _label(fact: Fact[Any]) -> str:
    fields = dataclasses.astuple(fact)  # type: ignore[call-overload]
    first = fields[0] if fields else ""
    first = " ".join(first) if isinstance(first, tuple) else first
    return f"{type(fact).__name__} {first}".strip()


def _compare_actions(actions: tuple[Action, ...], expected: list[Any]) -> None:
    assert len(actions) == len(expected), [_text(action) for action in actions]
    for action, wanted in zip(actions, expected, strict=True):
        if isinstance(action, Put):
            assert isinstance(wanted, dict)
            file = dataclasses.asdict(action.file)
            assert file.pop("path") == wanted["put"]
            file["content"] = file["content"].decode()
            defaults = {"mode": "0644", "owner": "root", "group": "root", "secret": False}
            assert file == {**defaults, **{k: v for k, v in wanted.items() if k != "put"}}
            continue
        command = action.command
        assert command.timeout is not None, "every command is bounded"
        assert 0 < command.timeout < 4000
        checked = subprocess.run(["/bin/sh", "-n"], input=command.text, text=True, timeout=20)
        assert checked.returncode == 0, command.text
        stdin, sudo = "", True
        if isinstance(wanted, dict):
            stdin, sudo = wanted.get("stdin", ""), wanted.get("sudo", True)
            for part in wanted.get("contains", []):
                assert part in command.text
        if not isinstance(wanted, dict) or "text" in wanted:
            text = wanted["text"] if isinstance(wanted, dict) else wanted
            assert command.text.strip() == text.strip()
        assert command.stdin.decode() == stdin
        assert command.sudo is sudo


def _lines(diff: str) -> list[str]:
    """An editor takes the blank that an unchanged empty line has in a diff."""
    return [line.rstrip() for line in diff.rstrip("\n").splitlines()]


def _text(action: Action) -> str:
    return f"put {action.file.path}" if isinstance(action, Put) else action.command.text


def _keeps_secrets(operation: Operation, change: Change, secrets: list[str]) -> None:
    shown = [operation.title, repr(operation), change.summary, change.diff, repr(change)]
    shown += [_text(action) for action in change.actions] + [repr(each) for each in change.actions]
    for secret in secrets:
        assert not [each for each in shown if secret in each]
