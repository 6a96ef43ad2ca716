"""The hot cache's checks: each made to fail on a real server, and then to pass."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import pytest

from sophia_cli.checks.check import Verdict
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from tests.checks.bent import Bent
from tests.checks.breaking.valkey import (
    Fault,
    cannot_save,
    client_of,
    configured,
    full,
    keyed,
    silent,
    stopped,
    thrashing,
)
from tests.checks.conftest import Store
from tests.checks.scenes import looks, worst

FAULTS: dict[str, tuple[str, Fault, Verdict, str]] = {
    "stopped": ("RD-01", stopped, Verdict.FAIL, "it is stopped, though"),
    "frozen": ("RD-01", silent, Verdict.FAIL, "it is frozen, though"),
    "unbounded": ("RD-02", configured(maxmemory="0"), Verdict.WARN, "nothing bounds"),
    "never evicts": (
        "RD-02",
        configured(**{"maxmemory-policy": "noeviction"}),
        Verdict.WARN,
        "noeviction",
    ),
    "full": ("RD-02", full, Verdict.FAIL, "it is full"),
    "thrashing": ("RD-03", thrashing, Verdict.WARN, "pushed out"),
    "cannot save": ("RD-04", cannot_save, Verdict.FAIL, "cannot write"),
    "another store's": (
        "RD-06",
        keyed(f"sophia:{uuid4()}:answer:x", 60_000),
        Verdict.WARN,
        "another memory",
    ),
    "without an end": ("RD-06", keyed("sophia:answer:x", None), Verdict.WARN, "never end"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen_while_it_lasts(store: Store, name: str) -> None:
    number, fault, verdict, says = FAULTS[name]
    assert worst(store.looks(number)) is Verdict.PASS
    with fault(store):
        found = store.looks(number)
        assert worst(found) is verdict, found
        assert says in found[0].says
    assert worst(store.looks(number)) is Verdict.PASS


def test_one_that_answers_late_is_of_no_use(store: Store) -> None:
    pause = [0.0]

    def bend(data: bytes) -> bytes:
        time.sleep(pause[0])
        return data

    relay = Bent(str(store.valkey.socket), bend)
    variables = {
        "SOPHIA_HOT_CACHE__URL": f"redis://127.0.0.1:{relay.port}/0",
        "SOPHIA_HOT_CACHE__TIMEOUT": "100ms",
    }
    try:
        for seconds, verdict in (
            (0.0, Verdict.PASS),
            (0.07, Verdict.WARN),
            (0.15, Verdict.FAIL),
            (0.0, Verdict.PASS),
        ):
            pause[0] = seconds
            assert worst(store.looks("RD-05", variables=variables)) is verdict
    finally:
        relay.close()


def test_other_memories_may_share_a_server_of_ones_own(store: Store, home: Path) -> None:
    shared = Valkey(Home(home).prepare())
    shared.ensure()
    try:
        with client_of(shared) as client:
            client.set(f"sophia:{uuid4()}:answer:x", b"x", px=60_000)
        variables = {"SOPHIA_HOT_CACHE__URL": f"unix://{shared.socket}"}
        [found] = store.looks("RD-06", variables=variables)
        assert found.verdict is Verdict.PASS
        assert "1 other memories share it" in found.says
    finally:
        shared.stop()


def test_a_tier_that_is_off_is_skipped(store: Store) -> None:
    for number in ("RD-01", "RD-02", "RD-03", "RD-04", "RD-05", "RD-06"):
        found = looks(
            store.home.root,
            number,
            {"SOPHIA_HOT_CACHE__ENABLED": "false"},
            store.opened.service,
        )
        assert worst(found) is Verdict.SKIPPED
