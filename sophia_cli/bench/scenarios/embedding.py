"""`embedding`: how long the configured model takes for a question, and for many texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import latency, rate
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.pace import BATCH
from sophia_cli.bench.results import Limit
from sophia_cli.bench.texts import questions, turns
from sophia_cli.memory.words import embedded_text

_TARGET = Limit(50, "p95")
_BATCHES = (16, 64)


def run(context: Context) -> Iterator[Measurement]:
    """One question; a batch of 16 and of 64 turns."""
    embed = context.service.embedder.embed
    asked = questions(400, seed=1)
    yield Measurement(
        lambda n: embed([f"{asked[n % len(asked)]} ({n})"]),
        figures=lambda spent, pace: [latency("one question", spent, pace, target=_TARGET)],
    )
    texts = [embedded_text(draft) for draft in turns(1024, seed=1)]
    for size in _BATCHES:
        yield _batches(embed, texts, size)


def _batches(
    embed: Callable[[Sequence[str]], object], texts: Sequence[str], size: int
) -> Measurement:
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    return Measurement(
        lambda n: embed(batches[n % len(batches)]),
        paced_by=(BATCH,),
        figures=lambda spent, pace: [
            latency(f"{size} texts", spent, pace),
            rate(f"texts a second by {size}", spent, size, pace, decides=False),
        ],
    )
