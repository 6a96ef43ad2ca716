"""A change of all peers of Qdrant while sophia stores: nothing is lost from any replica.

With the drain taken out by hand, in a process of the test's own, the audit finds what was lost.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sophia_cli import Sophia
from sophia_cli.errors import SophiaError
from sophia_cli.ops.inventory.services import Services
from tests.lab.conftest import FULL
from tests.lab.controller import Controller
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.memory import Memory
from tests.lab.waiting import wait_until

_COLLECTION = "sophia_coding"
_WRITERS = 3
_SWITCHES = "/data/qdrant/storage/standin.json"
_WITHOUT_THE_DRAIN = """
import sys
from sophia_cli.ops import drain
drain.drain = lambda site, url: "the drain was taken out by hand"
from sophia_cli.__main__ import main
sys.exit(main())
"""
# About as long as a change of all three peers takes, seconds.
_ROLLS_FOR = 40.0
_CHANGED = {"limits": {"memory": "900mb"}}


@dataclass(slots=True)
class Load:
    """What is being stored.

    Attributes:
        stored: the ids of memories that sophia has acknowledged, in no order.
        refused: what it did not take, in its words.
    """

    stored: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@pytest.fixture
def controller(memory: Memory) -> Iterator[Controller]:
    """The controller; at the end its inventory is the first one again, and deployed."""
    yield memory.controller
    memory.controller.configure()
    memory.ready().controller.does("deploy", "--yes")


def test_a_change_of_every_peer_while_sophia_stores_loses_nothing(
    controller: Controller, memory: Memory
) -> None:
    controller.configure(qdrant=_CHANGED)
    with _storing(controller, memory.hosts[2]) as load:
        said = controller.does("deploy", "--yes")
    assert said.err.count("points compared") == 3, str(said)
    _nothing_is_lost(controller, memory, load)
    # And back: killed on the way, and brought to its end.
    controller.configure()
    with _storing(controller, memory.hosts[2]) as load:
        killed = controller.start("deploy", "--yes")
        with killed, contextlib.suppress(subprocess.TimeoutExpired):
            try:
                killed.communicate(timeout=random.uniform(3.0, _ROLLS_FOR))
            finally:
                killed.kill()
        controller.does("deploy", "--yes")
    _nothing_is_lost(controller, memory, load)
    assert controller.does("plan").out.strip() == "no changes"


@pytest.mark.skipif(not FULL, reason="SOPHIA_TEST_LAB_FULL=1: it leaves a cluster to be made anew")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("forced", [False, True])
def test_with_the_drain_taken_out_the_audit_finds_what_is_lost(
    controller: Controller, memory: Memory, lab: Lab, forced: bool
) -> None:
    lowest = memory.hosts[0]
    controller.configure(qdrant=_CHANGED)
    if forced:
        # Then what is acknowledged through this peer does not reach the replica of the highest id.
        lowest.run("sh", "-c", f"cat >{_SWITCHES}", stdin=b'{"lose_writes": true}')
    try:
        with _storing(controller, memory.hosts[2]) as load:
            time.sleep(2)
            said = subprocess.run(
                [sys.executable, "-c", _WITHOUT_THE_DRAIN, "deploy", "--yes"],
                capture_output=True,
                text=True,
                env=controller.environment(),
                cwd=controller.root,
                timeout=280,
            )
        key = controller.secrets()["qdrant-api-key"]
        held = {host.name: _ids(host, key) for host in memory.hosts}
        lost = {name: len(set(load.stored) - ids) for name, ids in held.items()}
        print(f"forced {forced}: {said.returncode}, lost {lost}\n{said.stderr}")
        if forced:
            assert said.returncode == 1, said.stderr
            # Mostly the audit says it; what the gate writes and what a peer hears of the others
            # may be lost as well, and then the gate does.
            refused = r" lacks \d+ points|a probing write .* failed|knows no leader"
            assert re.search(refused, said.stderr)
            assert max(lost.values()) > 0
        elif any(lost.values()):
            assert said.returncode == 1, said.stderr
    finally:
        lab.up()


def _nothing_is_lost(controller: Controller, memory: Memory, load: Load) -> None:
    """Every peer has the same points, and all that sophia acknowledged is among them."""
    assert len(load.stored) > 20
    assert not load.refused
    key, stored = controller.secrets()["qdrant-api-key"], set(load.stored)
    wait_until(lambda: _everywhere(memory.hosts, key) >= stored, "all in every replica", 60)
    held = [_ids(host, key) for host in memory.hosts]
    print(f"{len(stored)} stored, {[len(ids) for ids in held]} held", flush=True)
    assert held[0] == held[1] == held[2]


@contextlib.contextmanager
def _storing(controller: Controller, host: Host) -> Iterator[Load]:
    """Stores memories through the service of a host while the block runs."""
    load, ended = Load(), threading.Event()
    token = "sophia_" + controller.secrets()["rest-token"]
    url = f"http://{host.address}:{Services().sophia.port}"

    def write(writer: int) -> None:
        number = 0
        with Sophia(url, token) as client:
            while not ended.is_set():
                number += 1
                try:
                    made = client.remember(
                        f"writer {writer} at {time.time()} stores number {number}",
                        kind="coding",
                        user="load",
                    )
                    load.stored.append(str(made.one.id))
                except SophiaError as error:
                    load.refused.append(error.message)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(_WRITERS)]
    for each in threads:
        each.start()
    try:
        yield load
    finally:
        ended.set()
        for each in threads:
            each.join(60)


def _everywhere(hosts: tuple[Host, ...], key: str) -> set[str]:
    """The ids that every peer's replica has."""
    return set.intersection(*(_ids(host, key) for host in hosts))


def _ids(host: Host, key: str) -> set[str]:
    """The ids of the points that the peer of a host has itself."""
    path = f"collections/{_COLLECTION}/points/scroll"
    url = f"http://{host.address}:6333/{path}"
    body = json.dumps({"limit": 100_000, "with_payload": False})
    settings = f'header = "api-key: {key}"\nheader = "content-type: application/json"\n'
    settings += f"data = {json.dumps(body)}\n"
    answer = host.run("curl", "--silent", "--config", "-", url, stdin=settings.encode())
    return {point["id"] for point in json.loads(answer)["result"]["points"]}
