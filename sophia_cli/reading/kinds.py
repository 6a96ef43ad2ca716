"""One kind for what belongs together: a session, or a file of notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sophia_cli.memory.classify import kind_of
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.words import embedded_text
from sophia_cli.reading.item import Item

# What is looked at together; what it decides holds for all that follow of the same session.
_MOST_DRAFTS = 500
_MOST_CHARACTERS = 1_000_000


def with_kinds(items: Iterable[Item], *, whole_file: bool) -> Iterator[Item]:
    """The items in their order, each draft of a session with that session's kind.

    A kind that a draft of the session names decides for those that name none; else the words of
    the session's turns among the first 500 drafts do. A session in two kinds would be two
    sessions: a turn would lose its neighbours.

    Args:
        whole_file: drafts without a session belong together too; else each stays to be
            classified by itself when it is remembered.
    """
    decided: dict[str | None, Kind] = {}
    for window in _windows(items):
        together: dict[str | None, list[Draft]] = {}
        for item in window:
            if not isinstance(item, Draft) or (item.session is None and not whole_file):
                continue
            if item.session not in decided:
                together.setdefault(item.session, []).append(item)
        for session, drafts in together.items():
            decided[session] = (
                next((draft.kind for draft in drafts if draft.kind is not None), None)
                or kind_of(map(embedded_text, drafts)).kind
            )
        for item in window:
            if isinstance(item, Draft) and item.kind is None and item.session in decided:
                item = replace(item, kind=decided[item.session])
            yield item


def _windows(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in runs that fit into memory."""
    window: list[Item] = []
    characters = 0
    for item in items:
        window.append(item)
        characters += len(item.content) if isinstance(item, Draft) else 0
        if len(window) >= _MOST_DRAFTS or characters >= _MOST_CHARACTERS:
            yield window
            window, characters = [], 0
    yield window
