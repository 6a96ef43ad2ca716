"""`ingest`: storing many memories, beside the embedding that it cannot do without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from sophia_cli.bench.context import Context
from sophia_cli.bench.figures import rate, ratio
from sophia_cli.bench.measure import Measurement
from sophia_cli.bench.pace import BATCH
from sophia_cli.bench.results import Limit
from sophia_cli.bench.store import fresh_service
from sophia_cli.bench.texts import turns
from sophia_cli.memory.model import Draft
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.words import embedded_text

_BATCH = 64


def run(context: Context) -> Iterator[Measurement]:
    """Batches of 64 turns into an empty store, each in turns with embedding the same texts."""
    service = context.until_the_end(fresh_service(context.config))
    now = datetime.now(UTC)
    yield Measurement(
        lambda n: service.embedder.embed([embedded_text(draft) for draft in _batch(n)]),
        lambda n: service.remember(_batch(n), now, Trace()),
        paced_by=(BATCH,),
        figures=lambda embedding, storing, pace: [
            rate("memories stored a second", storing, _BATCH, pace),
            ratio(
                "share of it that is embedding",
                embedding,
                storing,
                pace,
                higher=True,
                bound=Limit(0.85),
            ),
        ],
    )


def _batch(number: int) -> list[Draft]:
    """Turns that no other batch has."""
    return [
        replace(draft, session=f"{number}-{draft.session}") for draft in turns(_BATCH, seed=number)
    ]
