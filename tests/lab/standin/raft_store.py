"""What consensus keeps on disk: `raft_state.json`, and the log in `collections_meta_wal`."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from . import serde
from .refusals import StartFailure

Op = dict[str, Any]


class RaftStore:
    """Term, vote, commit and log of one peer.

    Attributes:
        fresh: whether there was none before.

    Raises:
        StartFailure: (constructor) `raft_state.json` cannot be read.
    """

    def __init__(self, storage: Path) -> None:
        self._state = storage / "raft_state.json"
        self._log = storage / "collections_meta_wal" / "log"
        self.fresh = not self._state.exists()
        self.peer_id = secrets.randbelow(9 * 10**15) + 10**14
        self.term, self.commit = 0, 0
        self.vote: int | None = None
        self.uri = ""
        self.peers: dict[int, str] = {}
        self.log: list[tuple[int, Op]] = []
        if self.fresh:
            return
        try:
            kept = serde.loads(self._state.read_bytes())
            self.peer_id, self.term, self.vote = kept["peer_id"], kept["term"], kept["vote"]
            self.commit, self.uri = kept["commit"], kept["uri"]
            self.peers = {int(peer): uri for peer, uri in kept["peers"].items()}
        except (ValueError, KeyError, TypeError) as error:
            words = str(error) if isinstance(error, serde.NotJson) else f"missing field `{error}`"
            raise StartFailure(
                1, f"Error: Service internal error: json (de)serialization error: {words}"
            ) from error
        if self._log.exists():
            lines = self._log.read_bytes().splitlines()
            for line in lines:
                try:
                    term, op = json.loads(line)
                except ValueError:  # the last line, cut short by a kill: never acknowledged
                    break
                self.log.append((term, op))
            if len(self.log) < len(lines):
                self._rewrite()
        self.commit = min(self.commit, len(self.log))

    def save(self) -> None:
        """Writes all but the log."""
        kept = {
            "peer_id": self.peer_id,
            "term": self.term,
            "vote": self.vote,
            "commit": self.commit,
            "uri": self.uri,
            "peers": {str(peer): uri for peer, uri in self.peers.items()},
        }
        coming = self._state.with_suffix(".coming")
        coming.write_bytes(serde.dumps(kept))
        coming.replace(self._state)

    def append(self, entries: list[tuple[int, Op]]) -> None:
        """Adds entries to the log."""
        self.log.extend(entries)
        self._log.parent.mkdir(exist_ok=True)
        with self._log.open("ab") as file:
            file.write(b"".join(serde.dumps(entry) + b"\n" for entry in entries))

    def cut(self, length: int) -> None:
        """Forgets what comes after the first `length` entries."""
        del self.log[length:]
        self._rewrite()

    def _rewrite(self) -> None:
        coming = self._log.with_suffix(".coming")
        coming.write_bytes(b"".join(serde.dumps(entry) + b"\n" for entry in self.log))
        coming.replace(self._log)
