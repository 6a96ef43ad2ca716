"""The peers of the vectors that are drained, and the processes that have said so back.

Every process that uses the vectors reads it (`daemon.draining`), so a drain holds for all of them,
also for one that starts later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sophia_cli.tiers.records.database import Connection, Database

# A process says so again twice a second; one that has been silent for as long has ended.
_SILENT = "3 seconds"
_FORGOTTEN = "1 hour"


@dataclass(frozen=True, slots=True)
class DrainedPeer:
    """A peer that is asked no more.

    Attributes:
        by: who wanted it, `user@machine`.
    """

    url: str
    since: datetime
    by: str


class Drains:
    """The drained peers of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[DrainedPeer]:
        """Every drained peer, the longest drained first."""

        def work(connection: Connection) -> list[DrainedPeer]:
            rows = connection.execute("SELECT url, since, by FROM drained_peer ORDER BY since, url")
            return [DrainedPeer(*row) for row in rows.fetchall()]

        return self._database.ask(work)

    def add(self, peer: DrainedPeer) -> None:
        """Drains a peer; one that is drained already keeps since when and by whom."""
        self._database.tell(
            lambda connection: connection.execute(
                "INSERT INTO drained_peer (url, since, by) VALUES (%s, %s, %s)"
                " ON CONFLICT (url) DO NOTHING",
                [peer.url, peer.since, peer.by],
            )
        )

    def remove(self, url: str) -> bool:
        """Takes a peer back; returns whether it was drained, as far as this attempt saw."""

        def work(connection: Connection) -> bool:
            done = connection.execute("DELETE FROM drained_peer WHERE url = %s", [url])
            return done.rowcount > 0

        return self._database.tell(work)

    def follows(self, process: str, idle: Collection[str]) -> None:
        """Notes that a process asks none of the drained peers, and has no call at these any more.

        Rows of processes that ended without a word go after an hour.
        """

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO drain_follower (process, idle) VALUES (%s, %s)"
                " ON CONFLICT (process) DO UPDATE"
                " SET idle = excluded.idle, at = clock_timestamp()",
                [process, sorted(idle)],
            )
            connection.execute(
                "DELETE FROM drain_follower WHERE at < clock_timestamp() - %s::interval",
                [_FORGOTTEN],
            )

        self._database.tell(work)

    def leaves(self, process: str) -> None:
        """Forgets a process: nothing is drained any more, or it ends."""
        self._database.tell(
            lambda connection: connection.execute(
                "DELETE FROM drain_follower WHERE process = %s", [process]
            )
        )

    def followers(self, url: str) -> dict[str, bool]:
        """The processes that follow now, and whether each has no call at the peer any more."""

        def work(connection: Connection) -> dict[str, bool]:
            rows = connection.execute(
                "SELECT process, %s = ANY(idle) FROM drain_follower"
                " WHERE at > clock_timestamp() - %s::interval ORDER BY process",
                [url, _SILENT],
            )
            return dict(rows.fetchall())

        return self._database.ask(work)
