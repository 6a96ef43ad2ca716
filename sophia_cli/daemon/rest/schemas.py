"""What responses look like, for the description only: they are written as JSON directly.

A test holds real responses against these.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from sophia_cli.memory.model import Kind

Row = TypeVar("Row")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Memory(_Model):
    """A memory with all its fields."""

    id: UUID
    kind: Kind
    content: str
    user: str | None
    agent: str | None
    session: str | None
    turn: int | None
    speaker: str | None
    tags: dict[str, str]
    model: str | None = Field(description="What it is indexed by; null: not yet.")
    version: int
    said_at: datetime | None
    valid_from: datetime
    valid_to: datetime | None = Field(description="When another memory superseded it.")
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    forgotten_at: datetime | None


class Recalled(Memory):
    """A memory, how well it answers, and with `explain` what each signal added."""

    score: float
    explain: dict[str, float] = Field(default={})


class Remembered(_Model):
    """What became of a memory that was to be stored."""

    id: UUID
    kind: Kind
    created: bool = Field(description="False: it was there already.")
    explain: str = Field(default="", description="Why it is of that kind.")


class Receipt(_Model):
    """Proof of an erasure: each tier read back."""

    id: UUID
    complete: bool
    tiers: dict[str, str] = Field(description="`erased`, or what is still to be done and why.")


class Event(_Model):
    """One entry of an audit trail."""

    id: UUID
    memory_id: UUID
    at: datetime
    action: str
    detail: dict[str, Any]


class Trace(BaseModel):
    """How an answer came about."""

    model_config = ConfigDict(extra="allow")

    served_by: str | None = Field(description="The tier that it came from.")
    tiers_ms: dict[str, float] = Field(description="Milliseconds in each tier.")


class Envelope(_Model, Generic[Row]):
    """A result, as the command line's `--json` prints it."""

    status: Literal["ok", "degraded"]
    command: str
    duration_ms: float
    count: int
    data: list[Row]
    degraded: list[str] = Field(description="What could not be done as it should, a line each.")
    trace: Trace
    error: None
    next_cursor: str | None = Field(default=None, description="Where the next page begins.")


class Answered(_Model):
    """A row of whatever `ask` did: recalled memories, what was stored, or figures."""

    model_config = ConfigDict(extra="allow")


class Live(_Model):
    """That the process answers."""

    status: Literal["ok"]
    tcp: dict[str, str | None] | None = Field(
        default=None, description="For the owner: where it listens, or why not."
    )


class TierVerdict(_Model):
    """What became of one tier's probe."""

    state: Literal["ok", "off", "failed"]
    duration_ms: float
    reason: str | None = Field(default=None, description="Not for a token bound to a part.")


class Ready(_Model):
    """Whether every tier does its work."""

    status: Literal["ok", "degraded", "failed"]
    tiers: dict[str, TierVerdict]


class Problem(_Model):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="As on the command line.")
    detail: str
    hint: str
    request_id: str
