"""A stored point is what its seal says, or it is noticed; and what differs in it is told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as engine

from sophia_cli.daemon.borrowing import _entry_to_json, _ids_to_json, lend
from sophia_cli.memory.model import IndexEntry, Kind
from sophia_cli.memory.seal import seal_of
from sophia_cli.memory.shape import Shape
from sophia_cli.tiers.vectors.edge import EdgeVectors
from sophia_cli.tiers.vectors.names import MEMORY, SCOPE

from .entries import DIMENSION, entry, memory, unit

_CODING = Kind.CODING


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[EdgeVectors]:
    vectors = EdgeVectors(tmp_path / "vectors", DIMENSION)
    yield vectors
    vectors.close()


def sealed(number: int, **changes: object) -> IndexEntry:
    one = entry(number, user="ana", tags=("a=b", "c=d=e"), session="s", turn=number, **changes)
    return replace(one, seal=seal_of(one, 1000 + number))


def by_hand(vectors: EdgeVectors, operation: engine.UpdateOperation) -> None:
    """A change that goes by nobody but the engine."""
    with vectors._reading(_CODING) as shard:
        shard.update(operation)


def test_pages_give_every_point_once_in_order_with_its_digest(edge: EdgeVectors) -> None:
    entries = [sealed(number) for number in range(150)]
    edge.upsert(_CODING, entries)
    found: dict[object, int] = {}
    start = None
    while True:
        page = edge.page(_CODING, start, 70)
        assert list(page.ids) == sorted(page.ids)
        found |= zip(page.ids, page.digests, strict=True)
        start = page.following
        if start is None:
            break
    assert found == {one.id: 1000 + number for number, one in enumerate(entries)}


def test_page_of_an_empty_collection_is_empty(edge: EdgeVectors) -> None:
    page = edge.page(_CODING, None, 10)
    assert (list(page.ids), page.following) == ([], None)


def test_point_without_a_seal_has_no_digest(edge: EdgeVectors) -> None:
    edge.upsert(_CODING, [entry(1)])
    assert list(edge.page(_CODING, None, 10).digests) == [0]
    assert edge.differing(_CODING, [sealed(1)]) != {}  # its payload is another
    plain = entry(1)
    assert edge.differing(_CODING, [replace(plain, seal=seal_of(plain, 5))]) == {}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"user": "bob"}, "payload"),
        ({"session": "t"}, "payload"),
        ({"turn": 77}, "payload"),
        ({"speaker": "Bo"}, "payload"),
        ({"at": 5.0}, "payload"),
        ({"tags": ("a=c",)}, "payload"),
        ({"shape": Shape(1, 2, 0, 1, 0, 0)}, "payload"),
        ({"memory": memory(1, "another text")}, "payload"),
        ({"dense": unit(500)}, "dense"),
        ({"context": unit(501)}, "context"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_entry_that_was_changed_on_its_way_has_no_digest_and_differs(
    edge: EdgeVectors, change: dict[str, object], part: str
) -> None:
    right = sealed(1)
    edge.upsert(_CODING, [replace(right, **change), sealed(2)])  # type: ignore[arg-type]
    assert list(edge.page(_CODING, None, 10).digests) == [0, 1002]
    assert edge.differing(_CODING, [right, sealed(2)]) == {right.id: part}


def test_small_change_of_a_vector_is_noticed(edge: EdgeVectors) -> None:
    right = sealed(1)
    dense = right.dense.copy()
    dense[3] += 0.002
    edge.upsert(_CODING, [replace(right, dense=dense / np.linalg.norm(dense))])
    assert list(edge.page(_CODING, None, 10).digests) == [0]


@pytest.mark.parametrize("field", [MEMORY, SCOPE, "at", "seal"])
def test_payload_that_was_changed_in_the_engine_has_no_digest(
    edge: EdgeVectors, field: str
) -> None:
    right = sealed(1)
    edge.upsert(_CODING, [right])
    by_hand(edge, engine.UpdateOperation.delete_payload([right.id], [field]))
    assert list(edge.page(_CODING, None, 10).digests) == [0]
    differs = edge.differing(_CODING, [right])
    assert differs == ({} if field == "seal" else {right.id: "payload"})


def test_words_that_were_changed_in_the_engine_are_told_by_comparing(edge: EdgeVectors) -> None:
    right = sealed(1, text="the launch of the rocket")
    edge.upsert(_CODING, [replace(right, text="something else")])
    assert edge.differing(_CODING, [right]) == {right.id: "words"}


def test_point_that_is_not_there_is_missing(edge: EdgeVectors) -> None:
    assert edge.differing(_CODING, [sealed(1)]) == {sealed(1).id: "missing"}


def test_name_of_the_model_is_no_difference(edge: EdgeVectors) -> None:
    """It is not known yet when a vector is made late."""
    right = sealed(1)
    early = replace(right, memory=replace(right.memory, model=None))
    edge.upsert(_CODING, [replace(early, seal=seal_of(early, 1001))])
    assert list(edge.page(_CODING, None, 10).digests) == [1001]
    assert edge.differing(_CODING, [right]) == {}


def test_lent_vectors_are_looked_at_as_well(edge: EdgeVectors) -> None:
    entries = [sealed(number) for number in range(5)]
    edge.upsert(_CODING, entries[:4])
    calls = [
        ["page", "coding", None, 3],
        ["page", "coding", str(entries[3].id), 3],
        ["differing", "coding", [_entry_to_json(one) for one in entries]],
    ]
    answers = io.StringIO()
    lend(edge, io.StringIO("".join(json.dumps(call) + "\n" for call in calls)), answers)
    first, second, differing = (
        json.loads(line)["result"] for line in answers.getvalue().splitlines()
    )
    three = _ids_to_json([one.id for one in entries[:3]])
    assert first == [three, [1000, 1001, 1002], str(entries[3].id)]
    assert second == [_ids_to_json([entries[3].id]), [1003], None]
    assert differing == {str(entries[4].id): "missing"}
