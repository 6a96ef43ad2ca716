"""`recall`: how much of the evidence comes back, by kind of question, on a labelled set."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from sophia_cli.bench.context import Context
from sophia_cli.bench.dataset import Dataset, dataset_of, store
from sophia_cli.bench.labelled import RANKINGS, asked, results
from sophia_cli.bench.results import Figure, RecallAt
from sophia_cli.bench.store import fresh_service
from sophia_cli.environment import utc_now
from sophia_cli.reading.source import Source

_NOTES = "notes.jsonl"
_NOTE = (
    "200 made-up notes and 60 questions that avoid their words; the weights that ship were fitted"
    " on them too, docs/ranking.md has the figures without"
)


def run(context: Context) -> Iterator[RecallAt | Figure]:
    """On the notes that ship with sophia."""
    yield from measured(context, labelled_notes(), _NOTE)


def labelled_notes() -> Dataset:
    """The labelled set that ships with sophia: 200 notes and 60 questions."""
    with files("sophia_cli.bench").joinpath("data", _NOTES).open("rb") as stream:
        return dataset_of(Source(stream, _NOTES), "the notes", utc_now())


def measured(context: Context, dataset: Dataset, note: str = "") -> Iterator[RecallAt | Figure]:
    """On any labelled set, in a store of its own that holds nothing else."""
    now = utc_now()
    with fresh_service(context.config) as service:
        with context.progress("storing", len(dataset.drafts)) as advance:
            questions = store(dataset, service, now, advance)
        with context.progress("asking", len(RANKINGS) * len(questions)) as advance:
            rows = asked(service, questions, context.config.recall.candidates, now, advance)
    yield from results(dataset.name, questions, rows, note)
