"""The system of record: PostgreSQL. Everything else is derived from it."""

from __future__ import annotations

from collections.abc import Callable

from sophia_cli.tiers.records.database import Database
from sophia_cli.tiers.records.digests import Digests
from sophia_cli.tiers.records.drains import Drains
from sophia_cli.tiers.records.feedback import Feedback
from sophia_cli.tiers.records.idempotency import Idempotency
from sophia_cli.tiers.records.memories import Memories
from sophia_cli.tiers.records.migrate import migrate
from sophia_cli.tiers.records.models import Models
from sophia_cli.tiers.records.outbox import Outbox
from sophia_cli.tiers.records.portable import Portable
from sophia_cli.tiers.records.queries import Queries
from sophia_cli.tiers.records.tokens import Tokens
from sophia_cli.tiers.records.writes import Alone


class Records:
    """One PostgreSQL store, its tables brought up to date when it is opened.

    Args:
        address, size, timeout, password, alone: see `Database`.
    """

    def __init__(
        self,
        address: Callable[[], str],
        *,
        size: int = 8,
        timeout: float = 10.0,
        password: str | None = None,
        alone: Alone | None = None,
    ) -> None:
        self.database = Database(
            address, size=size, timeout=timeout, password=password, alone=alone
        )
        self.version = self.database.run(migrate)
        self.memories = Memories(self.database)
        self.queries = Queries(self.database)
        self.outbox = Outbox(self.database)
        self.feedback = Feedback(self.database)
        self.models = Models(self.database)
        self.portable = Portable(self.database)
        self.idempotency = Idempotency(self.database)
        self.tokens = Tokens(self.database)
        self.drains = Drains(self.database)
        self.digests = Digests(self.database)

    def close(self) -> None:
        """Closes every connection."""
        self.database.close()
