"""What befalls a host while it is deployed to: one message with host and step, soon, and no lie.

A host that is mended is deployed to as if nothing had been.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import FULL
from tests.lab.controller import Controller, Said
from tests.lab.host import SUDO_PASSWORD
from tests.lab.memory import Memory
from tests.lab.waiting import wait_until

_BEGUN, _DONE, _STEP = "/run/step-begun", "/etc/sophia/step-done", "A step that takes a while"
_PLAYBOOK = f"""
phase: prepare
number: 0
title: A step that takes a while
steps:
  - name: {_STEP}
    on: all
    script:
      name: take a while
      check: test -e {_DONE}
      run: touch {_BEGUN}; sleep 8; touch {_DONE}
"""
# Longest that anything here may take to say what is wrong; its own time-outs are shorter. A gate
# waits for two minutes.
_BOUND = 240.0


@pytest.fixture
def controller(memory: Memory) -> Iterator[Controller]:
    """The controller; at the end its inventory is the first one again, and deployed."""
    yield memory.controller
    for host in memory.hosts:
        host.mend()
        host.ask(f"rm -f {_BEGUN} {_DONE}")
    memory.controller.configure()
    memory.controller.does("deploy", "--yes")
    if FULL:
        assert memory.controller.does("plan").out.strip() == "no changes"


@pytest.mark.parametrize("fault", ["cut", "freeze", "off"] if FULL else ["cut"])
def test_a_host_lost_in_a_step_leaves_its_outcome_unknown(
    controller: Controller, memory: Memory, fault: str
) -> None:
    victim = memory.hosts[1]
    _slow_step(controller)
    with controller.start("deploy", "prepare", "--yes") as running:
        wait_until(lambda: victim.succeeds(f"test -e {_BEGUN}"), "the step", 60)
        getattr(victim, fault)()
        struck = time.monotonic()
        said = running.communicate(timeout=_BOUND)[0]
    print(f"{fault}: {time.monotonic() - struck:.1f} s\n{said}")
    assert running.returncode == 4, said
    assert _STEP in said
    assert "h2" in said
    assert "sophia deploy" in said.splitlines()[-1]
    done = [each["host"] for each in controller.last_run() if each["what"] == "step changed"]
    assert "h2" not in done
    unknown = [each for each in controller.last_run() if each["what"] == "step unknown"]
    assert [(each["host"], each["step"]) for each in unknown] == [("h2", _STEP)]
    assert controller.last_run()[-1]["outcome"] == "unknown"
    getattr(victim, {"cut": "heal", "freeze": "thaw", "off": "on"}[fault])()
    controller.does("deploy", "prepare", "--yes")
    assert victim.succeeds(f"test -e {_DONE}")


@pytest.mark.parametrize("fault", ["cut", "freeze", "off"] if FULL else ["freeze"])
def test_a_host_that_cannot_be_reached_is_named_before_anything_is_done(
    controller: Controller, memory: Memory, fault: str
) -> None:
    controller.configure(redis={"max_memory": "96mb"})
    before = memory.hosts[0].containers()
    getattr(memory.hosts[2], fault)()
    said, seconds = _timed(controller, "deploy", "--yes")
    print(f"{fault}: {seconds:.1f} s\n{said}")
    assert said.exit_status == 4, str(said)
    assert "h3" in said.err
    assert memory.hosts[0].containers() == before


def test_a_host_that_is_powered_off_and_on_comes_back_by_itself(
    controller: Controller, memory: Memory
) -> None:
    for host in memory.hosts if FULL else memory.hosts[:1]:
        host.off()
        host.on()
    again = controller.does("deploy", "--yes", "--json").data[0]
    assert again["changed"] == 0


def test_a_full_disk_is_named_with_host_and_step(controller: Controller, memory: Memory) -> None:
    victim = memory.hosts[1]
    playbook = _PLAYBOOK.partition("    script:")[0]
    playbook += f"    file: {{path: /data/step-done, content: '{'x' * 200_000}'}}\n"
    _playbook(controller, playbook)
    victim.fill_disk()
    said, _ = _timed(controller, "deploy", "prepare", "--yes")
    print(said)
    assert said.exit_status == 1, str(said)
    assert _STEP in said.err
    assert "h2" in said.err
    assert "no space" in said.err.lower()
    assert not victim.succeeds("test -e /data/step-done")
    victim.free_disk()
    controller.does("deploy", "prepare", "--yes")
    assert victim.run("cat", "/data/step-done") == "x" * 200_000
    for host in memory.hosts:
        host.run("rm", "/data/step-done")


@pytest.mark.skipif(not FULL, reason="SOPHIA_TEST_LAB_FULL=1: the gate waits for two minutes")
def test_a_peer_whose_disk_is_full_is_not_called_good(
    controller: Controller, memory: Memory
) -> None:
    memory.hosts[2].fill_disk()
    said, _ = _timed(controller, "deploy", "qdrant", "--yes")
    print(said)
    assert said.exit_status == 1, str(said)
    # Before a peer is changed, or after all of them: whichever asks first.
    assert re.search(r"a probing write .* failed|The cluster is whole: .*h3", said.err)


def test_another_host_key_is_refused_and_can_be_pinned(
    controller: Controller, memory: Memory
) -> None:
    memory.hosts[0].change_host_key()
    said, _ = _timed(controller, "deploy", "--yes")
    print(said)
    assert said.exit_status == 5, str(said)
    assert "h1" in said.err
    assert "sophia hosts trust" in said.err
    assert controller.run("hosts", "trust", "--yes").exit_status == 5
    controller.does("hosts", "trust", "--yes", "--replace")


def test_a_wrong_password_for_sudo_is_refused(
    controller: Controller, memory: Memory, tmp_path: Path
) -> None:
    memory.hosts[0].sudo_password(True)
    file = tmp_path / "sudo"
    file.touch(0o600)
    controller.configure(ssh={"sudo_password_file": str(file)})
    file.write_text("another-one\n")
    said, _ = _timed(controller, "deploy", "--yes")
    print(said)
    assert said.exit_status == 5, str(said)
    assert "h1" in said.err
    assert "password" in said.err
    assert "another-one" not in said.err
    file.write_text(f"{SUDO_PASSWORD}\n")
    assert controller.does("deploy", "--yes", "--json").data[0]["changed"] == 0


def test_without_its_docker_a_host_is_named_and_a_whole_deployment_starts_it(
    controller: Controller, memory: Memory
) -> None:
    victim = memory.hosts[0]
    victim.stop_docker()
    said, _ = _timed(controller, "deploy", "memory", "--yes")
    print(said)
    assert said.exit_status == 1, str(said)
    assert "h1" in said.err
    assert "memory: Redis" in said.err
    assert "docker" in said.err
    controller.does("deploy", "--yes")
    assert victim.containers().keys() == {"sophia-prometheus", "sophia-qdrant", "sophia-redis"}


def _slow_step(controller: Controller) -> None:
    _playbook(controller, _PLAYBOOK)


def _playbook(controller: Controller, text: str) -> None:
    directory = controller.root / "playbooks"
    directory.mkdir(exist_ok=True)
    (directory / "0-prepare.yaml").write_text(text)
    controller.configure(cluster={"playbooks_dir": str(directory)})


def _timed(controller: Controller, *words: str) -> tuple[Said, float]:
    started = time.monotonic()
    said = controller.run(*words, timeout=_BOUND)
    return said, time.monotonic() - started
