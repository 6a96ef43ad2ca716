"""Fusion over several shards counts as the engine does within one."""

from __future__ import annotations

import random

import pytest

from .conftest import Start

Lists = list[list[float]]
FUSIONS = [{"fusion": "rrf"}, {"fusion": "dbsf"}, {"rrf": {"k": 60, "weights": [1.0, 3.0]}}]


@pytest.mark.parametrize("fusion", FUSIONS, ids=["rrf", "dbsf", "weighted"])
def test_three_shards_find_what_one_finds(start: Start, fusion: object) -> None:
    peer = start(peers=1, enabled=False)[0]
    numbers = random.Random(7)
    named = {name: {"size": 8, "distance": "Cosine"} for name in ("one", "two")}
    points = [
        {"id": number, "vector": {name: [numbers.gauss(0, 1) for _ in range(8)] for name in named}}
        for number in range(60)
    ]
    prefetch = [
        {"query": [numbers.gauss(0, 1) for _ in range(8)], "using": name, "limit": 20}
        for name in named
    ]
    answers = []
    for name, shards in (("whole", 1), ("parted", 3)):
        body = {"vectors": named, "shard_number": shards}
        assert peer.request("PUT", f"/collections/{name}", body).result
        assert peer.request("PUT", f"/collections/{name}/points", {"points": points}).result
        asked = {"prefetch": prefetch, "query": fusion, "limit": 10}
        answers.append(peer.request("POST", f"/collections/{name}/points/query", asked).result)
    whole, parted = ({one["id"]: one["score"] for one in each["points"]} for each in answers)
    common = set(whole) & set(parted)
    assert len(common) >= 9  # of equal scores either may come last
    for number in common:
        assert parted[number] == pytest.approx(whole[number], rel=1e-4)
