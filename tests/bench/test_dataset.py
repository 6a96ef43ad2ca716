"""Labelled sets in files: what is read, and every mistake in its line."""

from __future__ import annotations

import importlib.util
import io
import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.bench.dataset import Dataset, dataset_of
from sophia_cli.memory.model import KINDS, Kind, Where
from sophia_cli.reading.source import Source

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MEMORY = {"id": "m1", "content": "Ann moved to Oslo"}
QUESTION = {"question": "Where does Ann live?", "right": ["m1"]}


def read(*lines: Any) -> Dataset:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return dataset_of(
        Source(io.BytesIO(text.encode("utf-8", "surrogateescape")), "set.jsonl"), "set", NOW
    )


def test_memories_and_questions_in_any_order() -> None:
    found = read(
        QUESTION | {"category": "where", "asked_at": "2026-03-01", "kind": "business", "user": "u"},
        "",
        MEMORY | {"speaker": "Ann", "date": "2026-02-01", "session": "s", "tags": {"a": "b"}},
        {"id": 2, "content": "And then?", "session": "s", "at": "2026-02-02", "kind": "coding"},
        QUESTION | {"right": [2, "m1", "2"]},
    )
    assert found.mistakes == []
    first, second = found.drafts["m1"], found.drafts["2"]
    assert (first.speaker, first.said_at, first.turn) == (
        "Ann",
        datetime(2026, 2, 1, tzinfo=UTC),
        0,
    )
    assert (second.turn, second.kind) == (1, Kind.CODING)
    one, two = found.questions
    assert (one.line, one.category, one.right) == (1, "where", ["m1"])
    assert one.question.asked_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert (one.question.kinds, one.question.where) == ((Kind.BUSINESS,), Where(user="u"))
    assert (two.right, two.category, two.question.kinds) == (["2", "m1"], "all", KINDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"id": "m2", "content": "\udcff"}', "not valid UTF-8"),
        ({"content": "x"}, "there is no `id`"),
        ({"id": True, "content": "x"}, "`id` is neither"),
        ({"id": "m1", "content": "x"}, "the id 'm1' stands on an earlier line too"),
        ({"id": "m2"}, "there is no `content`"),
        ({"id": "m2", "content": " "}, "the text is empty"),
        ({"id": "m2", "content": "x", "speeker": "A"}, "did you mean `speaker`?"),
        ({"id": "m2", "content": "x", "at": "2026-01-01", "date": "2026-01-01"}, "both `at` and"),
        ({"id": "m2", "content": "x", "date": "soon"}, "is not a time"),
        (QUESTION | {"right": []}, "`right` is not a list"),
        (QUESTION | {"right": "m1"}, "`right` is not a list"),
        (QUESTION | {"right": [None]}, "an id in `right` is neither"),
        (QUESTION | {"right": ["m9"]}, "no memory of the file has the id 'm9'"),
        (QUESTION | {"question": ""}, "`question` is empty"),
        (QUESTION | {"question": 7}, "`question` is not a text"),
        (QUESTION | {"rigth": ["m1"]}, "did you mean `right`?"),
        (QUESTION | {"content": "x"}, "unknown key 'content'"),
        (QUESTION | {"kind": "auto"}, "`kind` is 'auto'"),
        (QUESTION | {"asked_at": "one day"}, "is not a time"),
        (QUESTION | {"category": "c" * 41}, "`category` is empty or longer"),
        (QUESTION | {"user": " "}, "the user is empty"),
    ],
)
def test_a_mistake_is_told_with_its_line(line: Any, said: str) -> None:
    found = read(MEMORY, QUESTION, line, QUESTION)
    [mistake] = found.mistakes
    assert (mistake.source, mistake.line) == ("set.jsonl", 3)
    assert said in mistake.reason and "\n" not in mistake.reason


def test_all_mistakes_are_told_in_the_order_of_the_lines() -> None:
    found = read(QUESTION | {"right": ["m8", "m9"]}, "{", MEMORY, QUESTION | {"right": 1}, "[]")
    assert [mistake.line for mistake in found.mistakes] == [1, 1, 2, 4, 5]


def test_a_file_without_questions_measures_nothing() -> None:
    assert "no question" in read(MEMORY).mistakes[0].reason
    assert "no question" in read().mistakes[0].reason


def test_the_set_that_ships_is_the_one_in_bench() -> None:
    """`python bench/notes/pack.py` writes it."""
    path = Path(__file__).parents[2] / "bench" / "notes" / "pack.py"
    spec = importlib.util.spec_from_file_location("pack", path)
    assert spec is not None and spec.loader is not None
    pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    shipped = files("sophia_cli.bench").joinpath("data", "notes.jsonl").read_text("utf-8")
    assert shipped == pack.packed()
    assert len(shipped.encode()) < 400_000
