"""`cache`: the hot cache by itself, and questions that a cache answers in part or as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, overhead
from sophia_cli.bench.measure import Call, Measurement
from sophia_cli.bench.results import Limit, Skipped
from sophia_cli.bench.texts import questions
from sophia_cli.engines.valkey import Valkey
from sophia_cli.memory.answers import AnswerCache
from sophia_cli.memory.model import KINDS, Where
from sophia_cli.memory.ports import HotCache
from sophia_cli.memory.recalling import Question, Recaller
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.gpu_cache import GpuCache, Settings
from sophia_cli.tiers.hot_cache import NoCache, RedisHotCache

_TARGET = Limit(10, "p95")
_BOUND = Limit(1, "p99")
_ANSWER = b"x" * 6_000  # an answer of ten memories, as JSON
_KEYS = 100
_HOUR = 3600.0


def run(context: Context) -> Iterator[Measurement | Skipped]:
    """An answer read and written; a question asked before, in this process and in another."""
    again = _asks(context, context.service.recaller)
    yield Measurement(
        again,
        before=lambda: [again(n) for n in range(_KEYS)],
        figures=lambda spent, pace: [
            latency("a question asked before", spent, pace, target=_TARGET, bound=Limit(0.3, "p99"))
        ],
    )
    yield _vector_kept(context)
    if not Valkey.available():
        yield Skipped("the hot cache", "there is no embedded Valkey for this platform")
        return
    valkey = Valkey(context.home)
    cache = context.until_the_end(
        closing(RedisHotCache(lambda: f"unix://{valkey.ensure()}", prefix="sophia-bench:"))
    )
    for key in range(_KEYS):
        cache.put(str(key), _ANSWER, _HOUR)
    yield Measurement(
        lambda n: cache.get(str(n % _KEYS)),
        lambda n: cache.put(str(n % _KEYS), _ANSWER, _HOUR),
        figures=lambda read, written, pace: [
            latency("read an answer", read, pace, target=_TARGET, bound=_BOUND),
            latency("write an answer", written, pace, target=_TARGET, bound=_BOUND),
        ],
    )
    other = _asks(context, _recaller(context, Settings(answers=False, vectors=False), cache))
    yield Measurement(
        other,
        before=lambda: [other(n) for n in range(_KEYS)],
        figures=lambda spent, pace: [
            latency(
                "the same in another process, over the hot cache",
                spent,
                pace,
                target=_TARGET,
                bound=Limit(2, "p99"),
            )
        ],
    )


def _vector_kept(context: Context) -> Measurement:
    """A question whose vector is kept and whose answer is not, beside its search alone."""
    asked, service = questions(_KEYS, seed=3), context.service
    candidates = context.config.recall.candidates
    vectors = list(service.embedder.embed(asked))

    def search(number: int) -> None:
        place = number % _KEYS
        for kind in KINDS:
            service.vectors.candidates(kind, vectors[place], asked[place], Where(), candidates)

    ask = _asks(context, _recaller(context, Settings(answers=False), NoCache()))
    return Measurement(
        search,
        ask,
        before=lambda: [ask(n) for n in range(_KEYS)],
        figures=lambda searched, spent, pace: [
            latency("a question whose vector is kept", spent, pace, target=_TARGET),
            overhead("the same over its search", spent, searched, pace, bound=Limit(2)),
        ],
    )


def _recaller(context: Context, settings: Settings, cache: HotCache) -> Recaller:
    """Recall over the same tiers, with caches of its own."""
    service = context.service
    front = GpuCache(settings)
    answers = AnswerCache(
        front, cache, service.records.models.current().store, service.answers.lifetimes
    )
    return Recaller(service.records, service.vectors, service.embedder, front, answers)


def _asks(context: Context, recaller: Recaller) -> Call:
    asked, candidates = questions(_KEYS, seed=3), context.config.recall.candidates

    def ask(number: int) -> None:
        question = Question(asked[number % _KEYS])
        recaller.recall(question, candidates, datetime.now(UTC), Trace())

    return ask
