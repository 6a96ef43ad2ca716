from __future__ import annotations

import numpy as np
import pytest

from sophia_cli.tiers.gpu_cache import mmr, rescore

from .slabs import vectors


def test_rescoring_is_the_cosine() -> None:
    rows, query = vectors(5), vectors(1, seed=1)[0]
    np.testing.assert_allclose(rescore(query, rows), [row @ query for row in rows], rtol=1e-5)


def test_relevance_alone_keeps_the_order() -> None:
    relevance = np.array([0.1, 7, -3, 2], np.float32)
    assert mmr(relevance, vectors(4), 4, 1.0).tolist() == [1, 3, 0, 2]


def test_a_repetition_comes_after_something_else() -> None:
    one, other = np.eye(2, dtype=np.float32)
    rows = np.stack([one, one, one, other])
    relevance = np.array([1.0, 0.99, 0.98, 0.6], np.float32)
    assert mmr(relevance, rows, 2, 0.5).tolist() == [0, 3]
    assert mmr(relevance, rows, 4, 0.5).tolist() == [0, 3, 1, 2]


def test_the_scale_of_the_scores_does_not_matter() -> None:
    relevance = np.random.default_rng(3).standard_normal(30).astype(np.float32)
    rows = vectors(30)
    order = mmr(relevance, rows, 10, 0.7).tolist()
    assert mmr(relevance * 40 - 7, rows, 10, 0.7).tolist() == order


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
def test_each_is_picked_once(balance: float) -> None:
    picked = mmr(np.ones(20, np.float32), vectors(20), 50, balance)
    assert sorted(picked.tolist()) == list(range(20))


def test_it_is_the_definition() -> None:
    relevance, rows, balance = np.linspace(1, 0, 12).astype(np.float32), vectors(12), 0.6
    picked = [0]
    while len(picked) < 6:
        left = [at for at in range(12) if at not in picked]
        gain = [
            balance * relevance[at] - (1 - balance) * max(rows[at] @ rows[one] for one in picked)
            for at in left
        ]
        picked.append(left[int(np.argmax(gain))])
    assert mmr(relevance, rows, 6, balance).tolist() == picked


def test_nothing_makes_nothing() -> None:
    assert mmr(np.empty(0, np.float32), np.empty((0, 8), np.float32), 5, 0.5).shape == (0,)
