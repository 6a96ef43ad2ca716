"""Recall on labelled sets, on a user's own marks, and the ranking fitted on them: real stores."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from sophia_cli.bench import own
from sophia_cli.bench.dataset import Dataset, dataset_of, store
from sophia_cli.bench.labelled import LabelledQuestion, uncached
from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.ranking import Weights
from sophia_cli.memory.searching import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.reading.source import Source
from sophia_cli.tiers.records.feedback import Mark
from tests.commands.console import Console
from tests.commands.stores import opened_console

POOR = Weights("shipped", {"length": 0.5, "dense": 0.02})


def notes() -> Dataset:
    data = files("sophia_cli.bench").joinpath("data", "notes.jsonl").read_bytes()
    return dataset_of(Source(io.BytesIO(data), "notes.jsonl"), "notes", datetime.now(UTC))


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Console, list[LabelledQuestion]]]:
    """A user's own store, with the labelled notes in it."""
    with opened_console() as opened:
        yield opened, store(notes(), opened.service, opened.now())


@pytest.fixture
def console(filled: tuple[Console, list[LabelledQuestion]]) -> Iterator[Console]:
    """That store without a mark, ranked by the weights that ship."""
    console, _ = filled
    yield console
    feedback = console.service.records.feedback
    feedback.revert()
    for each in feedback.marks():
        feedback.unmark(each)


@pytest.fixture
def labelled(filled: tuple[Console, list[LabelledQuestion]]) -> list[LabelledQuestion]:
    """The questions about the notes, with their ids in that store."""
    return filled[1]


def mark(console: Console, questions: list[LabelledQuestion]) -> None:
    for each in questions:
        for id_ in each.right:
            console.service.records.feedback.mark(
                Mark(id_, each.question.text, {}, True, console.now())
            )


def scenario(document: dict[str, Any]) -> dict[str, Any]:
    [found] = [each for each in document["scenarios"] if each["name"] == "recall"]
    return dict(found)


def figures(document: dict[str, Any]) -> dict[str, float]:
    return {each["name"]: each["value"]["value"] for each in scenario(document)["figures"]}


def test_a_labelled_set_is_measured_by_kind_beside_bm25_and_dense_alone(console: Console) -> None:
    lines = [
        {"id": "a", "content": "Ann moved to Oslo in spring", "speaker": "Ann", "session": "s"},
        {"id": "b", "content": "The invoice export runs at night", "session": "s"},
        {"id": "c", "content": "We picked Qdrant over Weaviate", "at": "2026-01-02"},
        {"id": "d", "content": "The pump in hall 3 is broken"},
        {"question": "Where did Ann move?", "right": ["a"], "category": "where"},
        {"question": "When does the export run?", "right": ["b"]},
        {"question": "broken pump", "right": ["d"], "category": "where"},
    ]
    (console.cwd / "set.jsonl").write_text("\n".join(map(json.dumps, lines)))
    [document] = console.data("bench", "recall", "--dataset", "set.jsonl")
    [recall] = scenario(document)["recalls"]
    assert recall["name"] == "set"
    assert recall["questions"] == {"all": 3, "where": 2}
    assert [*recall["values"]["all"]] == ["1", "3", "5", "10"]
    assert recall["values"]["where"]["1"]["value"] == 1
    assert 0 < recall["values"]["all"]["10"]["low"] < recall["values"]["all"]["10"]["value"] == 1
    assert {"MRR", "nDCG@10, where", "recall@5, BM25 alone", "nDCG@10, dense alone"} <= {
        *figures(document)
    }
    assert "Ann moved to Oslo" not in console.ok("list", "-n", "1000").out


def test_mistakes_are_told_and_nothing_is_measured(console: Console) -> None:
    (console.cwd / "bad.jsonl").write_text('{"id": 1}\n{"question": "x", "right": [3]}\n')
    ended = console("bench", "recall", "--dataset", "bad.jsonl")
    assert ended.status is ExitStatus.USAGE
    one, two, error, _ = ended.err.splitlines()
    assert one.endswith("bad.jsonl:1: there is no `content`")
    assert two.endswith("bad.jsonl:2: no memory of the file has the id '3'")
    assert error.startswith("sophia: 2 mistakes, nothing was measured; the first: ")


def test_the_notes_that_ship_are_measured_without_a_word(console: Console) -> None:
    [document] = console.data("bench", "recall")
    [recall] = scenario(document)["recalls"]
    assert recall["questions"]["all"] == 60 and len(recall["questions"]) == 8
    assert recall["values"]["all"]["10"]["value"] > 0.7
    found = figures(document)
    assert found["nDCG@10"] > found["nDCG@10, BM25 alone"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--own", "--fit"], "--own and --fit exclude each other"),
        (["cache", "--own"], "--own goes with recall"),
        (["all", "--fit"], "--fit goes with recall"),
        (["cache", "--dataset", "x"], "--dataset goes with recall"),
        (["--fit", "--out", "x"], "--out does not go with --fit"),
        (["--revert", "--compare", "x"], "--compare does not go with --revert"),
        (["--yes"], "--yes goes with --fit"),
        (["--dataset", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["--dataset", "."], "Is a directory"),
    ],
)
def test_options_that_do_not_go_together(console: Console, arguments: list[str], said: str) -> None:
    ended = console("bench", *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2, "an error and a hint"


def test_without_marks_it_says_how_to_mark(console: Console) -> None:
    ended = console.ok("bench", "recall", "--own")
    assert "no question is marked" in ended.out and "sophia feedback ID --query" in ended.out
    ended = console.ok("bench", "recall", "--fit")
    assert "0 questions have something right marked" in ended.out
    assert "nothing was switched: shipped weights rank" in ended.out


def test_own_questions_gate_a_change(console: Console, labelled: list[LabelledQuestion]) -> None:
    mark(console, labelled[:40])
    console.service.records.feedback.mark(
        Mark(min(labelled[50].right), "only wrong", {}, False, console.now())
    )
    before = console.service.records.outbox.epochs()
    first = console.data("bench", "recall", "--own", "--out", "before.json")[0]
    assert scenario(first)["recalls"][0]["questions"]["all"] == 40
    assert set(scenario(first)["recalls"][0]["questions"]) <= {"all", "coding", "business"}
    same = console.ok("bench", "recall", "--own", "--compare", "before.json")
    assert "0 worse" in same.out
    console.service.records.feedback.switch({"length": 1.0}, {})
    ended = console("bench", "recall", "--own", "--compare", "before.json")
    assert ended.status is ExitStatus.FAILED
    assert "worse" in ended.out
    after = console.service.records.outbox.epochs()
    assert after.values == before.values, "it reads only"


def test_few_own_questions_are_measured_and_said_to_be_few(
    console: Console, labelled: list[LabelledQuestion]
) -> None:
    mark(console, labelled[:7])
    said = console.ok("bench", "recall", "--own").out
    assert "7 questions are marked; from 30 on" in said
    assert "recall@10" in said


def test_a_fit_that_gains_is_switched_to_when_the_user_says_so_and_back(
    console: Console, labelled: list[LabelledQuestion], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights that ship were fitted on these notes; so poor ones stand for them here."""
    monkeypatch.setattr(own, "shipped", lambda: POOR)
    mark(console, labelled)
    plain = console.ok("bench", "recall", "--fit")
    assert "the gain is real: nDCG@10 +" in plain.out
    assert "nothing was switched" in plain.out and "give --yes to switch" in plain.err
    refused = console.ok("bench", "recall", "--fit", terminal=True, stdin=b"n\n")
    assert "rank by the fitted weights from now on? [y/N]" in refused.err
    assert "nothing was switched: shipped weights rank" in refused.out
    agreed = console.ok("bench", "recall", "--fit", terminal=True, stdin=b"y\n")
    assert "switched: fitted-" in agreed.out
    stored = console.service.records.feedback.weights()
    assert stored is not None and stored.provenance["fitted_on"] == "60 marked questions"
    assert stored.provenance["cross_validated"]["nDCG@10"]["low"] > 0
    text = json.dumps(dict(stored.provenance))
    assert not any(each.question.text in text for each in labelled), "no question is kept there"
    explained = console.data("recall", labelled[0].question.text, "--explain")[0]["explain"]
    assert set(explained) <= set(stored.weights) and set(explained) != set(POOR.of)
    [row] = console.data("bench", "recall", "--fit", "--yes")
    assert (row["real"], row["switched"], row["in_use"]) == (True, True, f"fitted-{stored.id + 1}")
    assert console.data("bench", "recall", "--revert")[0] == {"reverted": True, "in_use": "shipped"}
    assert console.service.records.feedback.weights() is None
    assert "nothing to revert" in console.ok("bench", "recall", "--revert").out


def test_a_fit_without_a_real_gain_is_not_switched_to_even_with_yes(
    console: Console, labelled: list[LabelledQuestion]
) -> None:
    mark(console, labelled[:25])
    [row] = console.data("bench", "recall", "--fit", "--yes")
    assert (row["questions"], row["real"], row["switched"]) == (25, False, False)
    assert console.service.records.feedback.weights() is None


def test_weights_to_measure_with_disturb_nobody_and_keep_nothing(console: Console) -> None:
    question = Question("who may give a discount of twelve percent?")
    with uncached(console.service) as recaller:
        recaller.use(POOR)
        for _ in range(2):
            trace = Trace()
            [first, *_] = recaller.recall(question, 50, console.now(), trace)
            assert trace.served_by == "vectors"
            assert set(first.parts) <= set(POOR.of)
        theirs = console.data("recall", question.text, "--explain")
    assert not set(theirs[0]["explain"]) <= set(POOR.of)
