"""Which kind a text is: the labelled table, the reason, and what belongs together."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from sophia_cli.memory.classify import classify, kind_of
from sophia_cli.memory.model import KINDS, Kind

TABLE = [
    line.split("\t")
    for line in Path(__file__).with_name("kinds.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("group", "difficulty", "floor"),
    [
        ("tuned", "easy", 0.98),
        ("tuned", "hard", 0.9),
        ("untouched", "easy", 0.9),
        # Measured once: 15 of 30. Sixty earlier ones, hard 18 of 30, were then taken into `tuned`.
        ("untouched", "hard", 0.45),
    ],
)
def test_rules_agree_with_the_labelled_sentences(
    group: str, difficulty: str, floor: float, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row in TABLE if row[:2] == [group, difficulty]]
    wrong = [text for _, _, kind, text in rows if classify(text).kind != kind]
    share = 1 - len(wrong) / len(rows)
    with capsys.disabled():
        print(
            f"\nkinds, {group} {difficulty}: {len(rows) - len(wrong)} of {len(rows)} = {share:.0%}"
        )
    assert len(rows) >= 30
    assert share >= floor, wrong


def test_table_has_no_sentence_twice_and_both_kinds_in_each_part() -> None:
    assert Counter(text for *_, text in TABLE).most_common(1)[0][1] == 1
    assert len({tuple(row[:3]) for row in TABLE}) == 8


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "We chose Qdrant over Weaviate for the memory cluster because of filtering speed",
            "coding",
        ),
        ("Acme renewed for 40 seats, champion is Dana", "business"),
        ("", "business"),
        ("My grandmother's apple cake", "business"),
    ],
)
def test_known_examples(text: str, kind: str) -> None:
    assert classify(text).kind == kind


def test_reason_names_the_words_that_decided() -> None:
    assert (
        classify("vector database with a new schema").reason
        == "coding: vector database (+4), schema (+3)"
    )


def test_text_without_a_sign_says_so() -> None:
    assert classify("The cat sat there").reason == "business: no technical words"


def test_phrase_counts_instead_of_its_words() -> None:
    verdict = classify("the sales pipeline")
    assert verdict.scores == {Kind.CODING: 0, Kind.BUSINESS: 4}


def test_word_is_counted_once_however_often_it_stands_there() -> None:
    assert classify("bug bug bugs").scores == classify("bug").scores


def test_session_is_of_one_kind_by_the_sum_of_its_turns() -> None:
    turns = ["Hi Dana!", "The customer called", "parse() raises KeyError in config.yaml", "ok"]
    assert classify(turns[1]).kind is Kind.BUSINESS
    assert kind_of(turns).kind is Kind.CODING


def test_rules_list_no_word_twice_and_nothing_in_upper_case() -> None:
    table = yaml.safe_load(files("sophia_cli.memory").joinpath("kinds.yaml").read_text("utf-8"))
    words = [
        word.strip()
        for kind in KINDS
        for listed in table[kind]["words"].values()
        for word in listed.split(",")
    ]
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert [word for word in words if not re.fullmatch(r"[a-z0-9][a-z0-9+/ -]*", word)] == []


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "a-" * 50_000, " \n" * 50_000, "(_" * 50_000, "1." * 50_000, "`" * 99_999],
)
def test_long_odd_text_is_read_in_one_pass(text: str) -> None:
    classify(text)
