"""The checks of the vectors in process: each made to fail for real, and then to pass."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from sophia_cli.assembly import open_service
from sophia_cli.checks.check import Verdict
from sophia_cli.config.loading import load
from sophia_cli.home import Home
from tests.checks.breaking.vectors import (
    Fault,
    altered,
    left_behind,
    other_layout,
    owing,
    taken,
    without_room,
)
from tests.checks.conftest import Store
from tests.checks.scenes import looks, worst
from tests.commands.console import Console

FAULTS: dict[str, tuple[str, Fault, Verdict, str]] = {
    "not found": ("VE-02", altered, Verdict.FAIL, "does not find"),
    "no room": ("VE-03", without_room, Verdict.FAIL, "64 are kept"),
    "left behind": ("VE-03", left_behind, Verdict.WARN, "takes its room"),
    "other layout": ("VE-04", other_layout, Verdict.WARN, "another version"),
    "owing": ("VE-05", owing, Verdict.WARN, "wait to be indexed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen_while_it_lasts(store: Store, name: str) -> None:
    number, fault, verdict, says = FAULTS[name]
    store.settle()
    assert worst(store.looks(number)) is Verdict.PASS
    with fault(store):
        found = store.looks(number)
        assert worst(found) is verdict, found
        assert says in found[0].says
    assert worst(store.looks(number)) is Verdict.PASS


def test_where_nothing_is_stored_yet_no_layout_is_missed(home: Path) -> None:
    made = Home(home).prepare()
    made.vectors.mkdir(exist_ok=True)
    (made.vectors / "lock").touch()  # as it is while another process begins
    assert worst(looks(home, "VE-04")) is Verdict.SKIPPED


def test_a_stranger_who_has_the_directory(home: Path) -> None:
    made = Home(home).prepare()
    assert worst(looks(home, "VE-01")) is Verdict.SKIPPED
    with taken(made) as holder:
        [found] = looks(home, "VE-01")
        assert found.verdict is Verdict.FAIL
        assert f"process {holder} has the directory" in found.says
    assert worst(looks(home, "VE-01")) is Verdict.PASS


def test_who_takes_the_directory_just_now_is_no_stranger(home: Path) -> None:
    made = Home(home).prepare()
    made.vectors.mkdir(exist_ok=True)
    path = made.vectors / "lock"
    path.write_text("1")  # who had it before
    with path.open("r+") as ours:
        fcntl.flock(ours, fcntl.LOCK_EX)
        named = threading.Timer(0.1, lambda: os.pwrite(ours.fileno(), b"%d" % os.getpid(), 0))
        named.start()
        assert worst(looks(home, "VE-01")) is Verdict.PASS
        named.join()


def test_a_collection_that_cannot_be_loaded(home: Path) -> None:

    opened = open_service(load({}, {}).config, Home(home))
    try:
        Console(opened.service, Home(home), home.parent).remember("a note", "--kind", "coding")
    finally:
        opened.close()
    assert worst(looks(home, "VE-02")) is Verdict.PASS
    [config] = (home / "vectors").glob("coding/edge_config.json")
    before = config.read_bytes()
    config.write_bytes(b"{")
    found = looks(home, "VE-02")
    assert worst(found) is Verdict.FAIL
    assert found[0].subject == "coding"
    config.write_bytes(before)
    assert worst(looks(home, "VE-02")) is Verdict.PASS


def test_servers_are_looked_at_elsewhere(store: Store) -> None:
    variables = {
        "SOPHIA_VECTORS__ENGINE": "server",
        "SOPHIA_VECTORS__URLS": "http://127.0.0.1:6333",
    }
    for number in ("VE-01", "VE-02", "VE-03", "VE-04", "VE-05"):
        assert worst(store.looks(number, variables=variables)) is Verdict.SKIPPED
