"""Hooks: real programs, that get what they need and no secret, and that end in bounded time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sophia_cli.errors import Refused
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.hooks import Ended, Hooks
from tests.conftest import wait_until

PHASES = ("clean", "qdrant", "memory")
HIDDEN = "correct-horse"

Write = Callable[..., Path]


@pytest.fixture
def told() -> list[Ended]:
    return []


@pytest.fixture
def hooks(tmp_path: Path, told: list[Ended]) -> Hooks:
    directory = tmp_path / "hooks"
    directory.mkdir(mode=0o755)
    return Hooks(
        directory,
        "east",
        "20260102-120000-aaaaaa",
        {**os.environ, "SOPHIA_POSTGRES__PASSWORD": HIDDEN, "AWS_SECRET_ACCESS_KEY": HIDDEN},
        lambda text: text.replace(HIDDEN, "***"),
        lambda phase, ended: told.append(ended),
    )


@pytest.fixture
def write(hooks: Hooks) -> Write:
    def hook(name: str, script: str, mode: int = 0o700) -> Path:
        assert hooks.directory is not None
        path = hooks.directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(mode)
        return path

    return hook


def test_a_hook_gets_what_it_needs_and_nothing_else(hooks: Hooks, write: Write) -> None:
    write("before-qdrant", "env >env; pwd >pwd; cat >stdin")
    hooks.before("qdrant", ["one", "two"])
    assert hooks.directory is not None
    got = dict(line.split("=", 1) for line in (hooks.directory / "env").read_text().splitlines())
    sophias = {name: value for name, value in got.items() if name.startswith("SOPHIA_")}
    assert sophias == {
        "SOPHIA_CLUSTER": "east",
        "SOPHIA_PHASE": "qdrant",
        "SOPHIA_RUN": "20260102-120000-aaaaaa",
        "SOPHIA_HOSTS": "one two",
        "SOPHIA_OUTCOME": "",
    }
    assert got["PATH"] == os.environ["PATH"] and HIDDEN not in str(got)
    assert (hooks.directory / "pwd").read_text().strip() == str(hooks.directory)
    assert (hooks.directory / "stdin").read_text() == ""


def test_after_a_phase_its_outcome_is_told(hooks: Hooks, write: Write, told: list[Ended]) -> None:
    write("after-deploy", 'echo "it $SOPHIA_OUTCOME"; echo "correct-horse" >&2')
    assert hooks.after("deploy", ["one"], "failed") == ""
    (ended,) = told
    assert (ended.name, ended.exit_status, ended.fault) == ("after-deploy", 0, "")
    assert ended.output == ("it failed", "***")


def test_a_failing_hook_before_a_phase_stops_it(
    hooks: Hooks, write: Write, told: list[Ended]
) -> None:
    write("before-memory", "echo first; echo no correct-horse today; exit 3")
    with pytest.raises(CommandFailed) as failed:
        hooks.before("memory", ["one"])
    said = "hook before-memory on this machine: ended with status 3: no *** today"
    assert str(failed.value) == said
    assert (told[0].exit_status, told[0].output) == (3, ("first", "no *** today"))


def test_a_failing_hook_after_a_phase_is_said(hooks: Hooks, write: Write) -> None:
    write("after-memory", "kill -9 $$")
    said = "hook after-memory on this machine: was ended by signal 9"
    assert hooks.after("memory", [], "ok") == said
    path = write("after-memory", "exit 0", 0o600)
    assert hooks.after("memory", [], "ok") == f"hook {path}: is not executable"


def test_without_a_hook_nothing_is_done(hooks: Hooks, told: list[Ended]) -> None:
    for each in (hooks, replace(hooks, directory=None)):
        each.check(PHASES)
        each.before("qdrant", ["one"])
        assert each.after("qdrant", ["one"], "ok") == ""
    assert told == []


def test_a_hook_that_does_not_end_is_ended_with_all_that_it_started(
    hooks: Hooks, write: Write, told: list[Ended]
) -> None:
    write("before-qdrant", "sleep 600 & echo $!; wait")
    with pytest.raises(CommandFailed, match=r"did not end within 1 s: \d+"):
        replace(hooks, timeout=1.0).before("qdrant", [])
    assert told[0].exit_status is None
    child = int(told[0].output[0])
    wait_until(lambda: not alive(child))


def test_a_hook_that_takes_no_hint_is_ended_all_the_same(
    hooks: Hooks, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sophia_cli.ops.hooks._GRACE", 0.5)
    write("before-qdrant", "trap '' TERM; while :; do sleep 0.1; done")
    with pytest.raises(CommandFailed, match="did not end within 1 s"):
        replace(hooks, timeout=1.0).before("qdrant", [])


def test_what_a_hook_leaves_running_holds_nobody_up(
    hooks: Hooks, write: Write, told: list[Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sophia_cli.ops.hooks._GRACE", 0.5)
    write("before-qdrant", "sleep 100 & echo $!")
    hooks.before("qdrant", [])
    child = int(told[0].output[0])
    assert alive(child)
    os.kill(child, 9)


def test_an_endless_output_is_cut_and_never_blocks(
    hooks: Hooks, write: Write, told: list[Ended]
) -> None:
    write("before-qdrant", "seq 1 200000; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end")
    hooks.before("qdrant", [])
    assert told[0].output[-1] == "end" and len(told[0].output) <= 200


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o600, "is not executable"),
        (0o720, "others may change it"),
        (0o702, "others may change it"),
    ],
)
def test_a_hook_of_a_wrong_mode_is_not_run(
    hooks: Hooks, write: Write, told: list[Ended], mode: int, said: str
) -> None:
    write("before-qdrant", "exit 0", mode)
    for run in (lambda: hooks.before("qdrant", []), lambda: hooks.check(PHASES)):
        with pytest.raises(Refused, match=said):
            run()
    assert told == []


def test_a_link_a_directory_or_a_broken_link_is_not_run(hooks: Hooks, write: Write) -> None:
    assert hooks.directory is not None
    write("elsewhere", "exit 0")
    path = hooks.directory / "before-qdrant"
    for target in ("elsewhere", "nowhere"):
        path.symlink_to(target)
        with pytest.raises(Refused, match="is not a regular file"):
            hooks.before("qdrant", [])
        path.unlink()
    path.mkdir()
    with pytest.raises(Refused, match="is not a regular file"):
        hooks.before("qdrant", [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_hook_is_not_run(hooks: Hooks, write: Write) -> None:
    os.chown(write("before-qdrant", "exit 0"), 65534, 65534)
    with pytest.raises(Refused, match="belongs to user 65534"):
        hooks.before("qdrant", [])


def test_a_directory_that_others_may_change_is_not_used(hooks: Hooks, write: Write) -> None:
    assert hooks.directory is not None
    write("before-qdrant", "exit 0")
    hooks.directory.chmod(0o777)
    with pytest.raises(Refused, match="others may change it"):
        hooks.before("qdrant", [])


def test_what_is_no_program_is_said(hooks: Hooks, write: Write, told: list[Ended]) -> None:
    write("before-qdrant", "").write_bytes(b"\x00\x01")
    with pytest.raises(CommandFailed, match="a script begins with #!"):
        hooks.before("qdrant", [])
    assert told[0].exit_status is None


def test_every_mistake_is_said_before_anything_is_done(hooks: Hooks, write: Write) -> None:
    write("before-qdrnat", "exit 0")
    write("after-memory", "exit 0", 0o600)
    write("before-deploy", "exit 0")
    write("README", "", 0o600)
    with pytest.raises(Refused) as refused:
        hooks.check(PHASES)
    assert "before-qdrnat: there is no such phase" in str(refused.value)
    assert "after-memory: is not executable" in str(refused.value)
    assert "README" not in str(refused.value) and "before-deploy" not in str(refused.value)


def test_a_missing_directory_is_said(hooks: Hooks, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"hooks_dir: .*nowhere: No such file"):
        replace(hooks, directory=tmp_path / "nowhere").check(PHASES)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
