"""Faults of the hot cache and of the vectors in process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

from tests.checks.bent import Bent
from tests.checks.breaking import valkey, vectors
from tests.checks.here.stages import Inside, Outside
from tests.checks.here.table import FAIL, UNKNOWN, WARN, Alarms, fault, of_tiers
from tests.conftest import wait_until

_SILENT: Alarms = {
    "RD-01": FAIL,
    **dict.fromkeys(("RD-02", "RD-03", "RD-04", "RD-05", "RD-06"), UNKNOWN),
}


@fault("inside", "Valkey is stopped", _SILENT, "it is stopped, though the resident process runs")
def _(stage: Inside) -> Iterator[None]:
    with valkey.stopped(stage.store):
        yield


@fault("inside", "Valkey is killed", _SILENT, "it is stopped, though the resident process runs")
def _(stage: Inside) -> Iterator[None]:
    with valkey.killed(stage.store):
        yield


@fault(
    "inside",
    "Valkey is frozen",
    _SILENT | of_tiers(7, 8, 9),
    "it is frozen, though the resident process runs",
)
def _(stage: Inside) -> Iterator[None]:
    with valkey.silent(stage.store):
        yield


@fault("inside", "Valkey is unbounded", {"RD-02": WARN}, "nothing bounds its memory")
def _(stage: Inside) -> Iterator[None]:
    with valkey.configured(maxmemory="0")(stage.store):
        yield


@fault("inside", "Valkey is full", {"RD-01": FAIL, "RD-02": FAIL}, "it is full, and takes no more")
def _(stage: Inside) -> Iterator[None]:
    with valkey.full(stage.store):
        yield


@fault("inside", "Valkey pushes out what it has", {"RD-03": WARN}, "answers are pushed out")
def _(stage: Inside) -> Iterator[None]:
    with valkey.thrashing(stage.store):
        yield


@fault("inside", "Valkey cannot save", {"RD-04": FAIL}, "it cannot write to its disk")
def _(stage: Inside) -> Iterator[None]:
    with valkey.cannot_save(stage.store):
        yield


@fault("inside", "Valkey answers late", {"RD-05": WARN}, "almost too late to be of use")
def _(stage: Inside) -> Iterator[None]:
    def bend(data: bytes) -> bytes:
        time.sleep(0.035)
        return data

    relay = Bent(str(stage.store.valkey.socket), bend)
    stage.variables["SOPHIA_HOT_CACHE__URL"] = f"redis://127.0.0.1:{relay.port}/0"
    stage.variables["SOPHIA_HOT_CACHE__TIMEOUT"] = "60ms"
    try:
        yield
    finally:
        relay.close()


@fault("inside", "keys of another memory", {"RD-06": WARN}, "it holds answers of another memory")
def _(stage: Inside) -> Iterator[None]:
    with valkey.keyed(f"sophia:{uuid4()}:answer:x", 60_000)(stage.store):
        yield


@fault("inside", "keys without an end", {"RD-06": WARN}, "1 keys never end")
def _(stage: Inside) -> Iterator[None]:
    with valkey.keyed("sophia:answer:x", None)(stage.store):
        yield


@fault("inside", "Valkey wants a password", _SILENT, "Authentication required")
def _(stage: Inside) -> Iterator[None]:
    with valkey.client_of(stage.store.valkey) as client:
        client.config_set("requirepass", "canary")
        try:
            yield
        finally:
            client.config_set("requirepass", "")


@fault(
    "inside",
    "vectors are others than the records say",
    {"TI-02": FAIL, "VE-02": FAIL},
    "does not find",
)
def _(stage: Inside) -> Iterator[None]:
    with vectors.altered(stage.store):
        yield


@fault("inside", "the vectors have no room", {"VE-02": UNKNOWN, "VE-03": FAIL}, "64 are kept")
def _(stage: Inside) -> Iterator[None]:
    with vectors.without_room(stage.store):
        yield


@fault("inside", "a rebuild left a collection behind", {"VE-03": WARN}, "still takes its room")
def _(stage: Inside) -> Iterator[None]:
    with vectors.left_behind(stage.store):
        yield


@fault("inside", "vectors of another layout", {"VE-04": WARN}, "another version has laid them out")
def _(stage: Inside) -> Iterator[None]:
    with vectors.other_layout(stage.store):
        yield


@fault(
    "inside", "the outbox is stuck", {"TI-05": WARN, "VE-05": WARN}, "3 memories wait to be indexed"
)
def _(stage: Inside) -> Iterator[None]:
    with vectors.owing(stage.store):
        yield


@fault(
    "outside",
    "a collection is damaged",
    {"VE-02": FAIL} | of_tiers(1, 2, 3, 4),
    "VE-02 fail coding",
    slow=True,
)
def _(stage: Outside) -> Iterator[None]:
    """Found by whoever opens it next."""
    assert stage.sophia("down").returncode == 0
    [config] = stage.home.vectors.glob("coding/edge_config.json")
    before = config.read_bytes()
    config.write_bytes(b"{")
    assert stage.sophia("up").returncode == 0
    try:
        yield
    finally:
        stage.sophia("down")
        config.write_bytes(before)
        assert stage.sophia("up").returncode == 0


@fault(
    "outside",
    "a stranger has the vectors",
    {"VE-01": FAIL, "VE-02": FAIL} | of_tiers(1, 2, 3, 4),
    "and is not the resident process",
    slow=True,
)
def _(stage: Outside) -> Iterator[None]:
    stage.file.write_text("{}\n")  # REST is not to listen where no resident process runs.
    assert stage.sophia("down").returncode == 0
    try:
        with vectors.taken(stage.home):
            yield
    finally:
        stage.heal()
        wait_until(lambda: stage.sophia("up").returncode == 0)
