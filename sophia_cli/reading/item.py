"""What reading yields: a draft, or one line that says what could not be read and where."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.memory.validation import checked_draft


@dataclass(frozen=True, slots=True)
class BadLine:
    """Something that was not read as it stands.

    Attributes:
        source: the file, as the user named it.
        line: from 1; in a JSON export the message's number; 0 means the whole file.
        reason: what is wrong, in one line.
        fatal: whether the memory is lost. False is a note: it was taken, but not all of it.
    """

    source: str
    line: int
    reason: str
    fatal: bool = True


Item = Draft | BadLine


@dataclass(frozen=True, slots=True)
class Given:
    """What the user said of all that is read; a line that says otherwise itself is right.

    Except `kind`: where it is given it holds for everything.
    """

    kind: Kind | None = None
    user: str | None = None
    agent: str | None = None
    session: str | None = None


def taken(source: str, line: int, draft: Draft) -> Item:
    """The draft with clean text, or why it cannot be stored."""
    try:
        return checked_draft(draft)
    except InvalidInput as error:
        return BadLine(source, line, error.message)
