from __future__ import annotations

from collections.abc import Hashable

import pytest

from sophia_cli.tiers.gpu_cache.answers import ENTRY_BYTES, Answers
from sophia_cli.tiers.gpu_cache.asked import Questions
from sophia_cli.tiers.gpu_cache.key_index import NONE


def _answers_to(count: int) -> tuple[Answers, Questions]:
    """Answers to some questions, q0 and on, and these as they are then."""
    answers = Answers(1 << 20)
    for number in range(count):
        answers.put(f"q{number}", "x", 1, epoch=1, scope="s", asked=number)
    questions = answers.questions("s", 1)
    assert questions is not None
    return answers, questions


def _asked(answers: Answers, scope: str, epoch: int) -> list[tuple[Hashable, Hashable]]:
    found = answers.questions(scope, epoch)
    return [] if found is None else list(zip(found.answers, found.rows.keys, strict=True))


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
    assert _asked(answers, "s", 1) == [("q1", "question 1"), ("q2", "question 2")]
    assert _asked(answers, "s", 2) == []
    answers.put("q1", "x", 1, epoch=2, scope="s", asked="question 1")
    assert _asked(answers, "s", 1) == [("q2", "question 2")]
    answers.drop("q2")
    assert _asked(answers, "s", 1) == []


@pytest.mark.parametrize("left", [["q1"], ["q1", "q2"]], ids=["one", "all"])
def test_where_rows_lay_is_not_noted_for_questions_that_came_later(left: list[str]) -> None:
    answers = Answers(1 << 20)
    answers.put("q1", "x", 1, epoch=1, scope="s", asked="question 1")
    answers.put("q2", "x", 1, epoch=1, scope="s", asked="question 2")
    questions = answers.questions("s", 1)
    assert questions is not None
    questions.rows.slots[:], questions.rows.tickets[:] = [10, 20], [1, 2]
    for key in left:  # meanwhile, in another thread
        answers.drop(key)
    answers.put("q3", "x", 1, epoch=1, scope="s", asked="question 3")
    answers.learn(questions)
    now = answers.questions("s", 1)
    assert now is not None
    assert (now.rows.slots == NONE).all() and (now.rows.tickets == NONE).all()


def test_where_rows_lie_is_kept_while_questions_come_and_go() -> None:
    answers, questions = _answers_to(4)
    questions.rows.slots[:], questions.rows.tickets[:] = [0, 10, 20, 30], [1, 2, 3, 4]
    answers.put("q4", "x", 1, epoch=1, scope="s", asked=4)
    answers.learn(questions)
    for key in ("q0", "q1", "q4"):
        answers.drop(key)
    now = answers.questions("s", 1)
    assert now is not None
    known = {row: 10 * int(str(row)) for row in now.rows.keys}
    assert set(known) == {2, 3}
    for row, slot in zip(now.rows.keys, now.rows.slots.tolist(), strict=True):
        assert slot in (known[row], NONE)


def test_questions_at_one_moment_stay_what_they_were() -> None:
    answers, then = _answers_to(3)
    answers.put("q3", "x", 1, epoch=1, scope="s", asked=3)
    answers.drop("q0")
    answers.put("q4", "x", 1, epoch=1, scope="s", asked=4)
    answers.drop("q1")
    count = len(then.rows.slots)
    assert then.answers[:count] == ["q0", "q1", "q2"] and then.rows.keys[:count] == [0, 1, 2]
    assert sorted(str(answer) for answer, _ in _asked(answers, "s", 1)) == ["q2", "q3", "q4"]


def test_what_is_erased_is_gone() -> None:
    answers = Answers(1 << 20)
    answers.put("a", "x", 1, epoch=1, scope="s", asked="q")
    answers.put("b", "x", 1, epoch=1)
    assert answers.drop("a") and not answers.drop("a")
    assert answers.clear() == 1
    assert answers.get("b", 1) is None
    assert answers.figures().bytes == 0
    assert _asked(answers, "s", 1) == []
