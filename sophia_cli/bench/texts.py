"""Made-up conversations of any length, the same in every run: what the speed benchmarks store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sophia_cli.memory.model import Draft, Kind

_PEOPLE = ("Ann", "Bora", "Chidi", "Dana", "Emil", "Farah")
_OPENINGS = (
    "I looked at",
    "We decided to change",
    "The customer asked about",
    "Yesterday somebody broke",
    "Could you review",
    "It took me two days to understand",
    "Let us postpone",
    "I am not sure that we need",
)
_THINGS = (
    "the login form",
    "the nightly import",
    "the invoice export",
    "the search index",
    "the release notes",
    "the staging database",
    "the onboarding mail",
    "the retry queue",
    "the pricing page",
    "the backup script",
)
_REASONS = (
    "because it was slower than last month",
    "after the meeting with the sales team",
    "since nobody had written a test for it",
    "before the contract with Acme is renewed",
    "and the numbers look better now",
    "but the pictures from the hike were wonderful",
    "so that the new colleagues find their way",
    "while the office was moving to the second floor",
)
_TURNS = 20
_START = datetime(2024, 1, 1, 9, 0, tzinfo=UTC)


def turns(count: int, seed: int = 7) -> Iterator[Draft]:
    """`count` turns in sessions of 20, each with words that stand in it alone."""
    chance = random.Random(seed)
    for number in range(count):
        session, turn = divmod(number, _TURNS)
        sentences = [
            f"{chance.choice(_OPENINGS)} {chance.choice(_THINGS)} {chance.choice(_REASONS)}"
            for _ in range(chance.randint(1, 3))
        ]
        yield Draft(
            ". ".join(sentences) + f". Ticket {_word(chance)}-{number}.",
            kind=Kind.CODING if session % 2 else Kind.BUSINESS,
            session=f"session-{session}",
            turn=turn,
            speaker=_PEOPLE[chance.randrange(len(_PEOPLE))],
            said_at=_START + timedelta(hours=session, minutes=turn),
        )


def questions(count: int, seed: int = 11) -> list[str]:
    """`count` questions, no two alike."""
    chance = random.Random(seed)
    return [
        f"What did {chance.choice(_PEOPLE)} say about {chance.choice(_THINGS)}"
        f" {chance.choice(_REASONS)}, {_word(chance)} {number}?"
        for number in range(count)
    ]


def _word(chance: random.Random) -> str:
    return "".join(chance.choice("bdfgklmnprstv") + chance.choice("aeiou") for _ in range(3))
