"""`sophia deploy` killed at any moment: the next one ends where an undisturbed one would have.

SOPHIA_TEST_LAB_FULL=1 kills 15 changes of a running memory, every third of which is one of all
peers as well, and 5 first deployments; otherwise 2 changes, and `test_deploy_rolling` one of peers.
SOPHIA_TEST_SEED chooses the moments.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.lab.conftest import FULL
from tests.lab.controller import Controller
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.memory import Memory, files_alike, services_of
from tests.lab.waiting import wait_until

_SEED = int(os.environ.get("SOPHIA_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
_CHANGES, _FIRST = (15, 5) if FULL else (2, 0)
_LEASE = "/var/lib/sophia-deploy/lock"
# Of several phases and hosts.
_WITHOUT_PEERS: dict[str, dict[str, Any]] = {
    "redis": {"max_memory": "96mb"},
    "postgres": {"memory": "384mb"},
    "sophia": {"limits": {"memory": "2gb"}},
    "prometheus": {"retention": "7d"},
}
_WITH_PEERS = {**_WITHOUT_PEERS, "qdrant": {"limits": {"memory": "900mb"}}}
_BEGUN, _DONE = "/etc/sophia/begun", "/etc/sophia/done"
_SLOW = f"""
phase: prepare
number: 0
title: A step that takes a while
steps:
  - name: A step that takes a while
    on: all
    script:
      name: take a while
      check: test -e {_DONE}
      run: echo begun >>{_BEGUN}; sleep 20; touch {_DONE}
"""
# There and back, so that each undisturbed end is known.
_TOUR = [_WITHOUT_PEERS, {}, _WITHOUT_PEERS, {}, _WITH_PEERS, {}]


def test_what_a_killed_run_left_at_work_is_waited_for(memory: Memory) -> None:
    controller = memory.controller
    directory = controller.root / "slow"
    directory.mkdir()
    (directory / "0-prepare.yaml").write_text(_SLOW)
    controller.configure(cluster={"playbooks_dir": str(directory)})
    with controller.start("deploy", "prepare", "--yes") as running:
        for host in memory.hosts:
            wait_until(lambda host=host: host.succeeds(f"test -e {_BEGUN}"), "the step", 60)
        running.kill()
    again = controller.does("deploy", "prepare", "--yes")
    controller.configure()
    begun = [each.run("cat", _BEGUN) for each in memory.hosts]
    for each in memory.hosts:
        each.run("rm", _BEGUN, _DONE)
    assert re.search(r"\bh2 +waiting for what an earlier run has left at work", again.err)
    assert begun == ["begun"] * 3, "it was not begun a second time"
    assert again.out.startswith("no changes")


@pytest.mark.timeout(3600)
def test_changes_that_are_killed_are_brought_to_their_end(memory: Memory) -> None:
    controller, chance = memory.controller, random.Random(_SEED)
    ends = {"{}": _end(memory.hosts)}
    spent: dict[str, float] = {}
    for number in range(_CHANGES):
        settings = _TOUR[number % len(_TOUR)]
        name, before = str(settings), str(_TOUR[number % len(_TOUR) - 1])
        way = str(sorted({name, before}))
        if way not in spent:
            # Once undisturbed: how long it takes, and where it ends; and back again.
            for each, there in ((settings, name), (_TOUR[number % len(_TOUR) - 1], before)):
                started = time.monotonic()
                controller.configure(**each)
                controller.does("deploy", "--yes")
                spent[way] = time.monotonic() - started
                ends[there] = _end(memory.hosts)
            assert ends[name] != ends[before]
        controller.configure(**settings)
        moment = chance.uniform(0.5, spent[way])
        last = _killed(controller, moment)
        context = f"seed {_SEED}, change {number}, {moment:.2f} of {spent[way]:.1f} s: {last}"
        _finished(controller, context)
        assert _end(memory.hosts) == ends[name], context
        _no_peer_is_left_out(memory.hosts)
    controller.configure()
    controller.does("deploy", "--yes")


@pytest.mark.skipif(not _FIRST, reason="SOPHIA_TEST_LAB_FULL=1 kills first deployments as well")
@pytest.mark.timeout(3600)
def test_first_deployments_that_are_killed_are_brought_to_their_end(
    memory: Memory, lab: Lab
) -> None:
    controller, chance = memory.controller, random.Random(_SEED)
    started = time.monotonic()
    _anew(lab, controller)
    controller.does("deploy", "--yes")
    spent, end = time.monotonic() - started, _end(controller.hosts)
    for number in range(_FIRST):
        _anew(lab, controller)
        moment = chance.uniform(2.0, spent)
        last = _killed(controller, moment)
        _finished(
            controller, f"seed {_SEED}, first {number}, {moment:.2f} of {spent:.1f} s: {last}"
        )
        assert _end(controller.hosts) == end, f"seed {_SEED}, {number}, {moment:.2f} s: {last}"
        _no_peer_is_left_out(controller.hosts)
    lab.up()  # whoever comes next has secrets of its own


def _anew(lab: Lab, controller: Controller) -> None:
    controller.hosts = lab.up()
    controller.configure()
    controller.trust()


def _killed(controller: Controller, moment: float) -> str:
    """Kills a deployment after so many seconds; returns the last line that it had said."""
    with controller.start("deploy", "--yes") as running:
        try:
            said = running.communicate(timeout=moment)[0]
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            said = running.communicate()[0]
    return (said.strip().splitlines() or ["nothing"])[-1]


def _finished(controller: Controller, context: str) -> None:
    """Deploys again: nobody has to break a lock, and there is nothing more to do then."""
    started = time.monotonic()
    said = controller.run("deploy", "--yes")
    print(f"{context}; again: {time.monotonic() - started:.1f} s", flush=True)
    assert said.exit_status == 0, f"{context}\n{said}"
    plan = controller.does("plan").out
    assert plan.strip() == "no changes", f"{context}\n{plan}\nafter\n{said}"
    for host in controller.hosts:
        assert not host.succeeds(f"test -e {_LEASE}"), f"{context}: {host.name} is locked"


def _end(hosts: tuple[Host, ...]) -> tuple[Any, Any, Any]:
    """What a deployment brings about."""
    units = {host.name: host.ask("systemctl is-active sophia.service")[1] for host in hosts}
    return files_alike(hosts), services_of(hosts), units


def _no_peer_is_left_out(hosts: tuple[Host, ...]) -> None:
    said = hosts[2].run("/opt/sophia/bin/sophia", "--json", "vectors", "status")
    assert '"drained_by": null' in said
    assert '"state": "drained"' not in said, said
