"""Whom a question names, and the question without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_cli.memory.understanding.people import (
    first_name,
    guessed_people,
    in_first_person,
    is_named,
    name_words,
)


@pytest.mark.parametrize(
    ("question", "people", "expected"),
    [
        ("What did Ann paint?", ["ann"], "What did I paint?"),
        ("what is ann's plan?", ["ann"], "what is my plan?"),
        ("Which book did Ann’s sister read?", ["ann"], "Which book did my sister read?"),
        ("Do Ann and Bo like tea?", ["ann", "bo"], "Do I and I like tea?"),
        ("Where is Annabel's cat?", ["ann"], "Where is Annabel's cat?"),
        ("Did Jo-Ann call Ann back?", ["ann"], "Did Jo-I call I back?"),
        ("the Williams' house", ["williams"], "the my house"),
        ("Who is Ann?", ["ann"], "Who is Ann?"),
        ("Ann", ["ann"], "Ann"),
        ("What did Ann paint?", [], "What did Ann paint?"),
        ("Did André join?", ["andré"], "Did I join?"),
        ("is c.j. coming", ["c.j."], "is I coming"),
    ],
)
def test_a_question_is_put_in_the_first_person(
    question: str, people: list[str], expected: str
) -> None:
    assert in_first_person(question, people) == expected


def test_words_that_may_name_somebody() -> None:
    assert name_words("What did Ann's sister tell O'Neil about Ann?") == ["ann", "sister", "o'neil"]
    assert name_words("Who is it?") == []
    assert len(name_words(" ".join(f"name{chr(97 + n % 26)}{n}" for n in range(500)))) <= 40


@pytest.mark.parametrize(
    ("question", "guessed"),
    [
        ("What did Melanie paint?", ["melanie"]),
        ("Did Ann and Bo meet?", ["ann", "bo"]),
        ("What is Dana's role?", ["dana"]),
        ("Would Tim enjoy it?", ["tim"]),
        ("which vector database did we pick?", []),
        ("What did Acme say?", ["acme"]),
        ("Why was Qdrant chosen?", ["qdrant"]),
        ("What is in Bern?", []),
    ],
)
def test_subjects_and_owners_may_be_people(question: str, guessed: list[str]) -> None:
    assert guessed_people(question) == guessed


def test_a_speaker_is_named_by_the_first_name() -> None:
    assert first_name("Ann Lee") == "ann"
    assert is_named("Ann Lee", ["ann"])
    assert not is_named("Lee Ann", ["ann"])


@given(st.text(max_size=300), st.lists(st.text(min_size=1, max_size=8), max_size=4))
def test_no_text_and_no_name_is_too_strange(text: str, people: list[str]) -> None:
    in_first_person(text, people)
    guessed_people(text)
    assert all(word == word.lower() for word in name_words(text))
