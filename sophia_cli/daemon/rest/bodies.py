"""What only REST asks for, beside the requests that all faces share."""

from __future__ import annotations

from pydantic import Field

from sophia_cli.api import requests
from sophia_cli.errors import InvalidInput
from sophia_cli.memory.model import Kind


class Batch(requests.Request):
    """Several memories that are stored together: all of them, or none."""

    memories: list[requests.NewMemory] = Field(
        min_length=1, max_length=requests.MOST_AT_ONCE, description="What is to be remembered."
    )


class Listing(requests.Request):
    """Which memories a list holds, as query parameters."""

    kind: Kind | None = Field(default=None, description="coding or business.")
    user: str | None = Field(default=None, description="Whose memory.")
    agent: str | None = Field(default=None, description="Which agent's.")
    session: str | None = Field(default=None, description="Which conversation.")
    tag: list[str] = Field(default=[], description="KEY=VALUE, a label it must have; repeatable.")
    since: str | None = Field(default=None, description="Said at or after this time.")
    until: str | None = Field(default=None, description="Said before this time.")
    limit: requests.Limit = Field(default=20, description="How many a page holds.")
    cursor: str | None = Field(default=None, description="next_cursor of the page before.")
    all: bool = Field(default=False, description="With those that are superseded or expired.")

    def filter(self) -> requests.Filter:
        """It as all faces have it.

        Raises:
            InvalidInput: a tag without `=`.
        """
        given = self.model_dump(include={"kind", "user", "agent", "session", "since", "until"})
        return requests.Filter(**given, tags=dict(_tag(word) for word in self.tag))


def _tag(word: str) -> tuple[str, str]:
    key, sign, value = word.partition("=")
    if not sign:
        raise InvalidInput("tag: has no =", "a tag is KEY=VALUE: team=platform")
    return key, value
