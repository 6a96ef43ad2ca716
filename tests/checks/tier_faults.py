"""Faults between the tiers, each put in by hand, with what must notice it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import numpy as np

from sophia_cli.environment import utc_now
from sophia_cli.memory.identity import new_id
from sophia_cli.memory.model import KINDS, IndexEntry, Kind
from sophia_cli.tiers.records.digests import FIRST, LAST
from tests.checks.stage import DIMENSION, Stage


@dataclass(frozen=True)
class Injected:
    """A fault.

    Attributes:
        put: puts it in.
        caught: by which checks.
        deep: whether reading every point finds it.
        left: what is still to be seen after a repair, since only an operator can decide.
    """

    name: str
    put: Callable[[Stage], None]
    caught: frozenset[str]
    deep: bool = True
    left: frozenset[str] = frozenset()


def live(stage: Stage, kind: Kind = Kind.CODING) -> list[UUID]:
    """The memories that ought to have points."""
    return list(stage.service.records.digests.each(kind, FIRST, LAST, utc_now()))


def entry(stage: Stage, id_: UUID) -> IndexEntry:
    """What the index ought to hold of one."""
    return stage.service.indexer.expected([id_])[id_]


def other_vector(seed: int = 1) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def emptied(stage: Stage) -> None:
    for kind in KINDS:
        stage.service.vectors.reset(kind, DIMENSION)


def deleted(stage: Stage) -> None:
    stage.service.vectors.delete(Kind.CODING, [live(stage)[7]])


def rewritten(change: Callable[[IndexEntry], IndexEntry]) -> Callable[[Stage], None]:
    def put(stage: Stage) -> None:
        right = entry(stage, live(stage)[9])
        stage.service.vectors.upsert(Kind.CODING, [change(right)])

    return put


def renamed(right: IndexEntry) -> IndexEntry:
    return replace(right, memory=replace(right.memory, content="something else"))


def of_nobody(stage: Stage) -> None:
    right = entry(stage, live(stage)[3])
    id_ = new_id()
    added = replace(right, id=id_, memory=replace(right.memory, id=id_), seal=None)
    stage.service.vectors.upsert(Kind.CODING, [added])


def of_nobody_anywhere(stage: Stage) -> None:
    right = entry(stage, live(stage)[3])
    id_ = uuid4()
    added = replace(right, id=id_, memory=replace(right.memory, id=id_))
    stage.service.vectors.upsert(Kind.CODING, [added])


def back_from_the_dead(stage: Stage) -> None:
    right = entry(stage, live(stage)[4])
    stage.console.ok("forget", str(right.id))
    stage.settle()
    stage.service.vectors.upsert(Kind.CODING, [right])


def in_both(stage: Stage) -> None:
    stage.service.vectors.upsert(Kind.BUSINESS, [entry(stage, live(stage)[5])])


def row_deleted(stage: Stage) -> None:
    id_ = live(stage)[0]
    stage.sql("ALTER TABLE memory_event DISABLE TRIGGER ALL")
    stage.sql("DELETE FROM memory_event WHERE memory_id = %s", [id_])
    stage.sql("ALTER TABLE memory_event ENABLE TRIGGER ALL")
    stage.sql("DELETE FROM memory_link WHERE source = %s OR target = %s", [id_, id_])
    stage.sql("DELETE FROM memory WHERE id = %s", [id_])


def row_altered(stage: Stage) -> None:
    stage.sql("UPDATE memory SET content = 'set by hand' WHERE id = %s", [live(stage)[8]])


def vector_altered(stage: Stage) -> None:
    stage.sql(
        "UPDATE memory_vector SET vector = %s WHERE memory_id = %s",
        [other_vector().astype("<f4").tobytes(), live(stage)[8]],
    )


def vector_gone(stage: Stage) -> None:
    stage.sql("DELETE FROM memory_vector WHERE memory_id = %s", [live(stage)[8]])


def vector_cut(stage: Stage) -> None:
    stage.sql(
        "UPDATE memory_vector SET vector = substr(vector, 1, 8) WHERE memory_id = %s",
        [live(stage)[8]],
    )


def forged_answer(stage: Stage) -> None:
    stage.ask()
    _in_cache(stage, "answer:coding=1,business=1:" + "0" * 64, b"nothing of ours")


def forged_vector(stage: Stage) -> None:
    _in_cache(stage, "vector:by-chance:" + "0" * 64, b"\0" * 128)


def from_the_future(stage: Stage) -> None:
    """The records were set back: an old backup, while the cache was left as it was."""
    stage.ask()
    stage.sql("UPDATE epoch SET value = value - 3")
    stage.service.records.outbox._kept = None


def forgotten_answer(stage: Stage) -> None:
    """A forget that no cache was told of: done by hand in the records and the vectors."""
    stage.ask()
    id_ = live(stage)[1]
    # Every memory is in the answer: it brings ten of sixty, so ask until it is.
    stage.ask(entry(stage, id_).text)
    stage.service.records.memories.forget([id_], utc_now())
    stage.sql("UPDATE store SET erase_answers = false")
    stage.settle()


def outbox_stuck(stage: Stage) -> None:
    stage.sql(
        "INSERT INTO outbox (memory_id, kind, enqueued_at, attempts, last_error)"
        " SELECT id, kind, clock_timestamp() - interval '1 hour', 40, 'embedding: refused'"
        " FROM memory WHERE id = %s",
        [live(stage)[2]],
    )


def _in_cache(stage: Stage, key: str, value: bytes) -> None:
    cache = stage.service.answers._cache
    name = f"{cache._prefix}{stage.service.answers._prefix}{key}"  # type: ignore[attr-defined]
    cache._run(lambda client: client.set(name, value, ex=600))  # type: ignore[attr-defined]


FAULTS = [
    Injected("index emptied", emptied, frozenset({"TI-01", "TI-02"})),
    Injected("point deleted", deleted, frozenset({"TI-01", "TI-02"})),
    Injected(
        "vector of a point altered",
        rewritten(lambda right: replace(right, dense=other_vector())),
        frozenset({"TI-02"}),
    ),
    Injected(
        "context of a point altered",
        rewritten(lambda right: replace(right, context=other_vector())),
        frozenset({"TI-02"}),
    ),
    Injected("payload of a point altered", rewritten(renamed), frozenset({"TI-02"})),
    Injected(
        "digest of a point altered",
        rewritten(lambda right: replace(right, seal=right.seal._replace(digest=12345))),
        frozenset({"TI-02"}),
    ),
    Injected(
        "point of nobody added",
        of_nobody,
        frozenset({"TI-01", "TI-04"}),
        left=frozenset({"TI-01", "TI-04"}),
    ),
    Injected(
        "point of nobody added, with any id",
        of_nobody_anywhere,
        frozenset({"TI-01", "TI-04"}),
        left=frozenset({"TI-01", "TI-04"}),
    ),
    Injected("forgotten memory's point is back", back_from_the_dead, frozenset({"TI-01", "TI-03"})),
    Injected("point in both collections", in_both, frozenset({"TI-01", "TI-03"})),
    Injected(
        "row deleted in PostgreSQL",
        row_deleted,
        frozenset({"TI-01", "TI-04"}),
        left=frozenset({"TI-01", "TI-04"}),
    ),
    Injected("row altered in PostgreSQL", row_altered, frozenset({"TI-02"})),
    Injected("vector in PostgreSQL altered", vector_altered, frozenset({"TI-02"})),
    Injected("vector in PostgreSQL gone", vector_gone, frozenset({"TI-06"}), deep=False),
    Injected("vector in PostgreSQL cut", vector_cut, frozenset({"TI-06"}), deep=False),
    Injected("cached answer forged", forged_answer, frozenset({"TI-09"}), deep=False),
    Injected("cached vector forged", forged_vector, frozenset({"TI-09"}), deep=False),
    Injected("cached answer from the future", from_the_future, frozenset({"TI-07"}), deep=False),
    Injected("cached answer of the forgotten", forgotten_answer, frozenset({"TI-08"}), deep=False),
    Injected("outbox stuck", outbox_stuck, frozenset({"TI-05"}), deep=False),
]
