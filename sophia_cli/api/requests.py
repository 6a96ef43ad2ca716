"""What can be asked, as programs write it: fields and limits of the command line's options.

Their names are those of the JSONL format. A key that is unknown is refused, not dropped. Times are
ISO 8601, or what the command line takes for one: `yesterday`, `2026-11-01`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Draft, Kind, Where
from sophia_cli.memory.moments import expiry_in, moment_in
from sophia_cli.memory.validation import LONGEST_CONTENT, checked_name, checked_tags

MOST_RESULTS = 1000
"""How many memories an answer may hold."""
MOST_AT_ONCE = 1000
"""How many memories may be stored, or erased, by one request."""
_NEVER = "never"

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_CONTENT)]
Limit = Annotated[int, Field(ge=1, le=MOST_RESULTS)]
_TIME = "ISO 8601, or words such as yesterday"


class Request(BaseModel):
    """Any of them: immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NewMemory(Request):
    """A memory to be stored."""

    content: Text = Field(description="What is to be remembered.")
    kind: Kind | None = Field(
        default=None, description="coding or business; null: decided by its words."
    )
    user: str | None = Field(default=None, description="Whose memory it is.")
    agent: str | None = Field(default=None, description="Which agent's.")
    session: str | None = Field(default=None, description="The conversation it belongs to.")
    turn: int | None = Field(default=None, description="Its place there, from 0.")
    speaker: str | None = Field(default=None, description="Who said it.")
    at: str | None = Field(default=None, description=f"When it was said: {_TIME}.")
    tags: dict[str, str] = Field(default_factory=dict, description="Up to 50 labels.")
    expires: str | None = Field(default=None, description="When it ends: 30d, or a time to come.")

    def draft(self, now: datetime) -> Draft:
        """It as the service takes it.

        Raises:
            InvalidInput: a time that is none, or that is over.
        """
        return Draft(
            self.content,
            self.kind,
            self.user,
            self.agent,
            self.session,
            self.turn,
            self.speaker,
            None if self.at is None else moment_in("at", self.at, now),
            self.tags,
            None if self.expires is None else expiry_in("expires", self.expires, now),
        )


class Change(Request):
    """What is to be changed of a memory; what is not given stays."""

    content: Text | None = Field(default=None, description="What it says from now on.")
    kind: Kind | None = Field(default=None, description="coding or business.")
    speaker: str | None = Field(default=None, description="Who said it.")
    at: str | None = Field(default=None, description=f"When it was said: {_TIME}.")
    tags: dict[str, str] = Field(default_factory=dict, description="Added to those it has.")
    expires: str | None = Field(default=None, description="When it ends: 30d, a time, or never.")

    def fields(self, now: datetime) -> dict[str, Any]:
        """New values by the names of `Memory`'s fields, without the tags.

        Raises:
            InvalidInput: nothing is to be changed, or a time that is none.
        """
        given = {name: getattr(self, name) for name in ("content", "kind", "speaker")}
        changed = {name: value for name, value in given.items() if value is not None}
        if self.at is not None:
            changed["said_at"] = moment_in("at", self.at, now)
        if self.expires is not None:
            changed["expires_at"] = (
                None if self.expires == _NEVER else expiry_in("expires", self.expires, now)
            )
        if not changed and not self.tags:
            raise InvalidInput("there is nothing to change", "give a field that is to be changed")
        return changed


class Filter(Request):
    """Which memories: all that fit every field that is given."""

    kind: Kind | None = Field(default=None, description="coding or business; null: both.")
    user: str | None = Field(default=None, description="Whose memory.")
    agent: str | None = Field(default=None, description="Which agent's.")
    session: str | None = Field(default=None, description="Which conversation.")
    tags: dict[str, str] = Field(default_factory=dict, description="Labels it must have.")
    since: str | None = Field(default=None, description=f"Said at or after: {_TIME}.")
    until: str | None = Field(default=None, description=f"Said before: {_TIME}.")

    def where(self, now: datetime) -> Where:
        """It as the service takes it, without the kind.

        Raises:
            InvalidInput: a name, a tag or a time that is none, or an empty span.
        """
        since = None if self.since is None else moment_in("since", self.since, now)
        until = None if self.until is None else moment_in("until", self.until, now)
        if since is not None and until is not None and since >= until:
            raise InvalidInput("since is not before until: nothing can match")
        return Where(
            checked_name("user", self.user),
            checked_name("agent", self.agent),
            checked_name("session", self.session),
            checked_tags(self.tags),
            since,
            until,
        )


class Recall(Filter):
    """A question, and how many memories are wanted in answer to it."""

    query: Text = Field(description="The question.")
    limit: Limit | None = Field(default=None, description="How many at most; null: as configured.")
    now: str | None = Field(
        default=None, description="What `last week` is relative to, if not today."
    )
    diverse: bool = Field(default=False, description="Prefer memories that differ from each other.")
    explain: bool = Field(default=False, description="Say what each signal added to the score.")


class Similar(Filter):
    """A text whose likes are wanted."""

    text: Text = Field(description="The text.")
    limit: Limit | None = Field(default=None, description="How many at most; null: as configured.")
    explain: bool = Field(default=False, description="Say what each signal added to the score.")


class Ids(Request):
    """Memories by their ids."""

    ids: list[UUID] = Field(
        min_length=1,
        max_length=MOST_AT_ONCE,
        description="Their ids, in full, as answers give them.",
    )


class Sentence(Request):
    """Plain language."""

    sentence: Text = Field(description="What you would say: remember ..., what did we decide ...")
    limit: Limit | None = Field(
        default=None, description="How many at most; null: by what is asked."
    )
    kind: Kind | None = Field(default=None, description="coding or business; null: both.")
    user: str | None = Field(default=None, description="Whose memory.")
    explain: bool = Field(default=False, description="Say why.")


def parsed(model: type[Request], values: Mapping[str, Any]) -> Any:
    """A request from loose values.

    Raises:
        InvalidInput: one of them cannot be used; names it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None


def invalid(errors: Any) -> InvalidInput:
    """What pydantic found, in one line, without what was given."""
    said = [
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg'][:1].lower()}{each['msg'][1:]}"
        for each in errors
    ]
    return InvalidInput("; ".join(said[:5]), "see the schema of the request")
