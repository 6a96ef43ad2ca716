"""What a question says, put together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sophia_cli.memory.model import Kind
from sophia_cli.memory.understanding.dates import Span
from sophia_cli.memory.understanding.question import (
    Understanding,
    Wanted,
    described,
    speaks_of_time,
    understand,
)

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("When did Ann go to Rome?", {Wanted.WHEN}),
        ("Which month was the launch?", {Wanted.WHEN}),
        ("How long ago did we switch?", {Wanted.WHEN, Wanted.HOW_MANY}),
        ("Where is the runbook?", {Wanted.WHERE}),
        ("Which city did Bo move to?", {Wanted.WHERE}),
        ("Who owns billing?", {Wanted.WHO}),
        ("Whose idea was it?", {Wanted.WHO}),
        ("How many replicas do we run?", {Wanted.HOW_MANY}),
        ("Who decided that and when?", {Wanted.WHO, Wanted.WHEN}),
        ("What did we decide?", set()),
        ("whenever it fails, whoever is on call restarts it", set()),
    ],
)
def test_what_is_wanted(text: str, wanted: set[Wanted]) -> None:
    assert understand(text, NOW, []).wanted == wanted


def test_a_known_person_is_asked_in_the_first_person() -> None:
    said = understand("What did Ann paint for Bo's birthday?", NOW, ["ann"])
    assert said.embedded == [("What did I paint for Bo's birthday?", 1.0)]
    assert said.guessed == []


def test_somebody_unknown_is_embedded_both_ways() -> None:
    said = understand("What did Ann paint?", NOW, [])
    assert said.guessed == ["ann"]
    assert [text for text, _ in said.embedded] == ["What did Ann paint?", "What did I paint?"]


def test_a_question_that_speaks_of_a_kind() -> None:
    assert understand("why does the null pointer exception crash the API?", NOW, []).kind is (
        Kind.CODING
    )
    assert understand("why did it take so long?", NOW, []).kind is None


def test_what_a_question_says_is_told_in_full() -> None:
    text = "When did Ann meet the customer last week?"
    said = understand(text, NOW, ["ann"])
    spans = [span for span in said.spans if isinstance(span, Span)]
    assert described(said, spans) == {
        "people": ["ann"],
        "times": [
            {
                "phrase": "last week",
                "from": "2026-11-16T00:00:00+00:00",
                "until": "2026-11-23T00:00:00+00:00",
                "any_year": False,
            }
        ],
        "wants": ["when"],
        "embedded": ["When did I meet the customer last week?"],
    } | ({"kind": said.kind} if said.kind else {})


def test_what_a_question_does_not_say_is_left_out() -> None:
    assert described(Understanding(), []) == {}


@pytest.mark.parametrize(
    ("text", "speaks"),
    [("what broke yesterday?", True), ("what broke in May?", True), ("what broke?", False)],
)
def test_whether_the_time_of_asking_matters(text: str, speaks: bool) -> None:
    assert speaks_of_time(text) is speaks


def test_a_long_text_is_not_read_to_its_end() -> None:
    assert not understand("word " * 4000 + "yesterday", NOW, []).spans
