from __future__ import annotations

import time

import numpy as np

from sophia_cli.tiers.gpu_cache.answers import ENTRY_BYTES, Answers


def test_an_answer_is_served_at_its_epoch_and_at_no_other() -> None:
    answers = Answers(1 << 20)
    assert answers.put("q", ["answer"], 100, epoch=(3, 7))
    assert answers.get("q", (3, 7)) == ["answer"]
    assert answers.get("q", (3, 8)) is None
    assert answers.figures().entries == 0


def test_an_empty_answer_is_an_answer() -> None:
    answers = Answers(1 << 20)
    answers.put("q", [], 2, epoch=1)
    assert answers.get("q", 1) == []


def test_an_answer_ends_with_its_lifetime() -> None:
    now = [100.0]
    answers = Answers(1 << 20, lambda: now[0])
    answers.put("q", "answer", 10, epoch=1, seconds=60)
    now[0] = 159.9
    assert answers.get("q", 1) == "answer"
    now[0] = 160
    assert answers.get("q", 1) is None
    assert not answers.put("q", "answer", 10, epoch=1, seconds=0)


def test_bytes_are_kept_within_the_budget() -> None:
    answers = Answers(10 * (ENTRY_BYTES + 100))
    for number in range(50):
        answers.put(number, "x", 100, epoch=1)
        assert answers.figures().bytes <= answers.figures().budget
    figures = answers.figures()
    assert (figures.entries, figures.evictions) == (10, 40)
    answers.put("large", "x", 5 * (ENTRY_BYTES + 100) - ENTRY_BYTES, epoch=1)
    assert answers.figures().entries == 6
    assert answers.get("large", 1) == "x"


def test_an_answer_larger_than_the_budget_is_refused_and_evicts_nothing() -> None:
    answers = Answers(2000)
    answers.put("q", "x", 100, epoch=1)
    assert not answers.put("large", "x", 3000, epoch=1)
    assert answers.get("q", 1) == "x"
    assert answers.figures().refused == 1


def test_an_answer_asked_again_outlives_those_asked_once() -> None:
    answers = Answers(100 * (ENTRY_BYTES + 10))
    for number in range(100):
        answers.put(number, "x", 10, epoch=1)
    for number in range(0, 100, 10):
        answers.get(number, 1)
    for number in range(1000, 1300):
        answers.put(number, "x", 10, epoch=1)
    assert all(answers.get(number, 1) for number in range(0, 100, 10))


def test_questions_are_listed_by_scope_and_epoch() -> None:
    answers = Answers(1 << 20)
    answers.put("q1", "x", 1, epoch=1, scope="s", asked="question 1")
    answers.put("q2", "x", 1, epoch=1, scope="s", asked="question 2")
    answers.put("q3", "x", 1, epoch=1, scope="t", asked="question 3")
    answers.put("q4", "x", 1, epoch=1, scope="s")
    assert answers.asked("s", 1) == [("q1", "question 1"), ("q2", "question 2")]
    assert answers.asked("s", 2) == []
    answers.put("q1", "x", 1, epoch=2, scope="s", asked="question 1")
    assert answers.asked("s", 1) == [("q2", "question 2")]
    answers.drop("q2")
    assert answers.asked("s", 1) == []


def test_what_is_erased_is_gone() -> None:
    answers = Answers(1 << 20)
    answers.put("a", "x", 1, epoch=1, scope="s", asked="q")
    answers.put("b", "x", 1, epoch=1)
    assert answers.drop("a") and not answers.drop("a")
    assert answers.clear() == 1
    assert answers.get("b", 1) is None
    assert answers.figures().bytes == 0
    assert answers.asked("s", 1) == []


def test_a_cached_answer_comes_within_50_microseconds() -> None:
    answers = Answers(1 << 24)
    for number in range(5000):
        answers.put(f"store:answer:{number}", {"found": []}, 1000, epoch=(1, 2, None))
    keys = [f"store:answer:{number}" for number in range(5000)] * 4
    taken = np.empty(len(keys))
    for place, key in enumerate(keys):
        start = time.perf_counter_ns()
        answers.get(key, (1, 2, None))
        taken[place] = time.perf_counter_ns() - start
    assert answers.figures().hits == len(keys)
    assert np.percentile(taken, 99) < 50_000
