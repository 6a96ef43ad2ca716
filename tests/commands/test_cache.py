"""What this process keeps in front: similar questions, diverse answers, `sophia cache`."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from sophia_cli.errors import TierDown
from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console
from tests.commands.stores import opened_console


@pytest.fixture(scope="module")
def near() -> Iterator[Console]:
    """A store that answers a similar question from its cache."""
    with opened_console({"SOPHIA_GPU_CACHE__SIMILAR_FROM": "0.85"}) as console:
        console.service.open_front()
        console.remember("We chose Qdrant for the cluster", "--user", "ana", "--speaker", "Ana")
        console.remember("We chose Redis for the cache", "--user", "bo", "--speaker", "Bo")
        yield console


def asked(console: Console, question: str, *options: str) -> dict[str, object]:
    trace: dict[str, object] = console.ok("--json", "recall", question, *options).envelope["trace"]
    return trace


def test_a_similar_question_is_given_the_answer_and_the_trace_says_so(near: Console) -> None:
    first = near.ok("--json", "recall", "which vector database did we choose?").envelope
    second = near.ok("--json", "recall", "which vector database have we chosen?").envelope
    assert second["data"] == first["data"]
    assert second["trace"]["served_by"] == "semantic"
    said = second["trace"]["semantic"]
    assert said["asked"] == "which vector database have we chosen?"
    assert said["answered"] == "which vector database did we choose?"
    assert 0.85 <= said["similarity"] <= 1


def test_a_similar_question_needs_the_same_filters_epoch_and_person(near: Console) -> None:
    question, like = "what did we choose for the cache?", "what have we chosen for the cache?"
    near.ok("recall", question)
    assert asked(near, like)["served_by"] == "semantic"
    for other in (["--user", "ana"], ["--kind", "coding"], ["-n", "3"], ["--since", "2020-01-01"]):
        assert asked(near, like, *other)["served_by"] == "vectors"
    near.ok("recall", "what did Ana choose?")
    assert asked(near, "what did Bo choose?")["served_by"] == "vectors"
    near.remember("And we chose Postgres for the records")
    assert asked(near, "what do we choose for the cache?")["served_by"] == "vectors"


def test_similar_questions_are_strangers_unless_asked_for(console: Console, user: str) -> None:
    console.remember("We chose Qdrant", "--user", user)
    asked(console, "which database did we choose?", "--user", user)
    trace = asked(console, "which database have we chosen?", "--user", user)
    assert trace["served_by"] == "vectors"


@pytest.mark.parametrize("command", ["recall", "similar"])
def test_a_diverse_answer_repeats_itself_less(console: Console, user: str, command: str) -> None:
    for number in range(6):
        console.remember(f"Acme wants a discount on the renewal, call {number}", "--user", user)
    other = console.remember("Acme's champion is Dana", "--user", user)
    ask = (command, "what do we know of Acme?", "--user", user, "-n", "2")
    plain, diverse = (console.data(*ask, *more) for more in ((), ("--diverse",)))
    assert len(plain) == len(diverse) == 2
    assert plain[0]["id"] == diverse[0]["id"]
    assert other in {memory["id"] for memory in diverse}


def test_stats_clear_and_warm(empty: Console) -> None:
    empty.service.open_front()
    ids = [empty.remember(f"fact {number} of the launch") for number in range(5)]
    empty.ok("feedback", ids[3], "--query", "which fact is third?")
    (empty.cwd / "questions.txt").write_text("what of the launch?\n\nwhich facts?\n")
    before = empty.data("cache", "stats")[0]
    assert before["state"] == "open"
    assert before["vectors"]["entries"] == 0
    assert empty.data("cache", "warm") == [{"vectors": 5, "questions": 1}]
    assert asked(empty, "which fact is third?")["served_by"] == "gpu_cache"
    assert empty.data("cache", "warm", "questions.txt") == [{"vectors": 5, "questions": 2}]
    kept = empty.data("cache", "stats")[0]
    assert kept["vectors"]["entries"] == 5
    assert asked(empty, "which facts?")["served_by"] == "gpu_cache"
    assert "answers" in empty.ok("cache", "stats").out
    gone = empty.data("cache", "clear")[0]
    assert gone["vectors"] == 5 and gone["answers"] >= 3 and gone["hot_cache"] >= 3
    assert asked(empty, "which facts?")["served_by"] == "vectors"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"\xff\xfe\x00", "not UTF-8")],
)
def test_a_file_of_questions_that_is_none(
    console: Console, content: bytes | None, said: str
) -> None:
    path = console.cwd / "none.txt"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    ended = console("cache", "warm", "none.txt")
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert len(ended.err.splitlines()) <= 2


def test_what_another_process_forgot_is_let_go_of(empty: Console) -> None:
    service = empty.service
    service.open_front()
    id_ = empty.remember("the code is 4711")
    service.follow()
    empty.data("recall", "what is the code?")
    empty.data("recall", "what is the code?")
    assert service.front.stats().answers.entries
    # As another process does it: this one's caches are not told.
    service.records.memories.forget([UUID(id_)], empty.now())
    service.follow()
    assert service.front.stats().answers.entries == 0


def test_warming_says_what_could_not_be_kept(
    empty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.remember("a fact of the launch")
    (empty.cwd / "questions.txt").write_text("what of the launch?\n")

    def refuse(*_: object) -> None:
        raise TierDown("vectors", "connection refused")

    monkeypatch.setattr(empty.service.vectors, "candidates", refuse)
    warmed = empty.ok("--json", "cache", "warm", "questions.txt").envelope
    assert warmed["degraded"] == ["vectors: connection refused: answered by full-text search"]


def test_a_device_that_could_not_be_opened_yet_is_opened_later(
    empty: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = empty.service

    def refuse(dimension: int) -> None:
        raise TierDown("embedding", "no answer")

    with monkeypatch.context() as down:
        down.setattr(service.front, "open", refuse)
        service.open_front()
    assert service.front_fault is None
    service.follow()
    assert service.front.stats().state == "open"
