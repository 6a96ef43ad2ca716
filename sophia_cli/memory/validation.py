"""What may become a memory: limits, and the cleaning of text. One line says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft

LONGEST_CONTENT = 100_000
"""Characters; a longer text is for `sophia ingest`, which cuts it by its structure."""
LONGEST_NAME = 200
"""Characters of a user, agent, session or speaker: three of them fit a PostgreSQL index row."""
_MOST_TAGS = 50
_LONGEST_TAG = 500
_LARGEST_TURN = 2**31 - 1

# C0 and C1 controls, except tab and newline: they carry no words and can command a terminal.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean_text(text: str) -> str:
    """Text as it is stored: newlines normalised, control characters out, ends trimmed.

    Raises:
        InvalidInput: it is not valid Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"the text is not valid UTF-8 at character {error.start + 1}",
            "save it as UTF-8 and give it again",
        ) from None
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def checked_text(text: str, what: str = "the text") -> str:
    """Cleaned text that says something and is not too long.

    Raises:
        InvalidInput: it is blank, too long or not Unicode.
    """
    cleaned = clean_text(text)
    if not cleaned:
        raise InvalidInput(f"{what} is empty", "give some words, or - to read them from stdin")
    if len(cleaned) > LONGEST_CONTENT:
        raise InvalidInput(
            f"{what} has {len(cleaned):,} characters, at most {LONGEST_CONTENT:,} make one memory",
            "save it to a file and use `sophia ingest FILE`, which cuts it by its structure",
        )
    return cleaned


def checked_draft(draft: Draft) -> Draft:
    """The draft as it is stored.

    Raises:
        InvalidInput: a field cannot be stored.
    """
    if draft.turn is not None and not 0 <= draft.turn <= _LARGEST_TURN:
        raise InvalidInput(f"turn {draft.turn} is not between 0 and {_LARGEST_TURN}")
    return replace(
        draft,
        content=checked_text(draft.content),
        user=checked_name("user", draft.user),
        agent=checked_name("agent", draft.agent),
        session=checked_name("session", draft.session),
        speaker=checked_name("speaker", draft.speaker),
        tags=checked_tags(draft.tags),
    )


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags with clean keys and values.

    Raises:
        InvalidInput: too many, too long, or a key that is empty or holds `=`.
    """
    if len(tags) > _MOST_TAGS:
        raise InvalidInput(f"{len(tags)} tags, at most {_MOST_TAGS} go on one memory")
    checked = {}
    for key, value in tags.items():
        name, text = clean_text(key), clean_text(value)
        if not name or "=" in name or len(name) > _LONGEST_TAG or len(text) > _LONGEST_TAG:
            raise InvalidInput(f"not a tag: {key[:40]!r}", "a tag is KEY=VALUE, e.g. team=platform")
        checked[name] = text
    return checked


def checked_name(what: str, value: str | None) -> str | None:
    """The name of a user, agent, session or speaker, in one line; None stays None.

    Raises:
        InvalidInput: it is blank, too long or not Unicode.
    """
    if value is None:
        return None
    cleaned = " ".join(clean_text(value).split())
    if not cleaned:
        raise InvalidInput(f"the {what} is empty", f"leave --{what} out, or name one")
    if len(cleaned) > LONGEST_NAME:
        raise InvalidInput(f"the {what} is longer than {LONGEST_NAME} characters")
    return cleaned
