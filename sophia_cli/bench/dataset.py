"""A labelled set in a file: JSONL, each line a memory with an id, or a question with right ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sophia_cli.bench.labelled import ALL, LabelledQuestion
from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import KINDS, Draft, Kind, Where
from sophia_cli.memory.moments import parse_moment
from sophia_cli.memory.searching import Question
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_draft, checked_name, checked_text
from sophia_cli.reading.item import BadLine
from sophia_cli.reading.jsonl import KEYS, LONGEST_LINE, draft_of, record_of, turn_of, unknown_keys
from sophia_cli.reading.source import Line, Source

_MEMORY = ("id", "date", *KEYS)
_SCOPE = ("user", "agent", "session")
_QUESTION = ("question", "right", "category", "asked_at", "kind", *_SCOPE)
_BATCH = 256
_LONGEST_CATEGORY = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the set: where it stands, and the ids of the memories that answer it."""

    line: int
    question: Question
    right: Sequence[str]
    category: str


@dataclass(slots=True)
class Dataset:
    """A labelled set.

    Attributes:
        name: the file's.
        drafts: the memories, by their ids in the file.
        mistakes: every line that cannot be used, in the order of the lines.
    """

    name: str
    drafts: dict[str, Draft] = field(default_factory=dict)
    questions: list[Asked] = field(default_factory=list)
    mistakes: list[BadLine] = field(default_factory=list)


def read_dataset(path: Path, now: datetime) -> Dataset:
    """The labelled set of a file, with every mistake in it.

    Args:
        now: what `2 days ago` is counted from.

    Raises:
        InvalidInput: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return dataset_of(Source(stream, path.name, str(path)), path.stem, now)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or 'cannot be read'}") from error


def dataset_of(source: Source, name: str, now: datetime) -> Dataset:
    """The labelled set of a source, with every mistake in it."""
    found = Dataset(name)
    turns: dict[str, int] = {}
    for line in source.lines(LONGEST_LINE):
        if line.fault is None and not line.text.strip():
            continue
        try:
            _take(line, found, turns, now)
        except InvalidInput as error:
            found.mistakes.append(BadLine(source.shown, line.number, error.message))
    found.mistakes.extend(
        BadLine(source.shown, each.line, f"no memory of the file has the id {id_[:60]!r}")
        for each in found.questions
        for id_ in each.right
        if id_ not in found.drafts
    )
    if not found.mistakes and not found.questions:
        found.mistakes.append(BadLine(source.shown, 0, "there is no question in it"))
    found.mistakes.sort(key=lambda bad: bad.line)
    return found


def store(
    dataset: Dataset,
    service: MemoryService,
    now: datetime,
    advance: Callable[[int], None] = lambda _: None,
) -> list[LabelledQuestion]:
    """Stores the memories of a set without mistakes; returns its questions with their ids there.

    Memories of the same words in the same scope are one.

    Args:
        advance: told of each batch that is stored.
    """
    ids: dict[str, UUID] = {}
    for batch in _batches(dataset.drafts):
        stored = service.remember(list(batch.values()), now, Trace())
        ids.update(zip(batch, (each.id for each in stored), strict=True))
        advance(len(batch))
    return [
        LabelledQuestion(each.question, frozenset(ids[id_] for id_ in each.right), each.category)
        for each in dataset.questions
    ]


def _take(line: Line, found: Dataset, turns: dict[str, int], now: datetime) -> None:
    if line.fault is not None:
        raise InvalidInput(line.fault)
    record = record_of(line.text)
    if "question" in record:
        _only(record, _QUESTION)
        found.questions.append(_question(line.number, record, now))
        return
    turn = turn_of(record, turns)
    _only(record, _MEMORY)
    if record.get("id") is None:
        raise InvalidInput("there is no `id`")
    id_ = _id(record["id"], "`id`")
    if "date" in record:
        if record.get("at") is not None:
            raise InvalidInput("both `at` and `date` are given")
        record["at"] = record["date"]
    if id_ in found.drafts:
        raise InvalidInput(f"the id {id_[:60]!r} stands on an earlier line too")
    found.drafts[id_] = checked_draft(draft_of(record, turn, now))


def _question(line: int, record: Mapping[str, Any], now: datetime) -> Asked:
    right = record.get("right")
    if not isinstance(right, list) or not right:
        raise InvalidInput("`right` is not a list of one id or more")
    for key in ("question", "category", "asked_at", "kind", *_SCOPE):
        if not isinstance(record.get(key, ""), str | None):
            raise InvalidInput(f"`{key}` is not a text")
    kind = record.get("kind")
    if kind is not None and kind not in set(Kind):
        raise InvalidInput(f"`kind` is {kind[:40]!r}, not coding or business")
    at = record.get("asked_at")
    category = " ".join((record.get("category") or ALL).split())
    if not category or len(category) > _LONGEST_CATEGORY:
        raise InvalidInput(f"`category` is empty or longer than {_LONGEST_CATEGORY} characters")
    user, agent, session = (checked_name(name, record.get(name)) for name in _SCOPE)
    question = Question(
        checked_text(record.get("question") or "", "`question`"),
        KINDS if kind is None else (Kind(kind),),
        Where(user, agent, session),
        asked_at=None if at is None else parse_moment(at, now),
    )
    ids = [_id(each, "an id in `right`") for each in right]
    return Asked(line, question, list(dict.fromkeys(ids)), category)


def _only(record: dict[str, Any], known: Sequence[str]) -> None:
    for reason in unknown_keys(record, known):
        raise InvalidInput(reason)


def _id(value: object, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise InvalidInput(f"{what} is neither a text nor a whole number")
    return str(value)


def _batches(drafts: Mapping[str, Draft]) -> Iterator[dict[str, Draft]]:
    pairs = iter(drafts.items())
    while batch := dict(islice(pairs, _BATCH)):
        yield batch
