"""Where this machine keeps what belongs to one cluster: its secrets, journal and releases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sophia_cli.home import Home
from sophia_cli.ops.inventory.model import Cluster
from sophia_cli.ops.private import own_directory


@dataclass(frozen=True, slots=True)
class Kept:
    """The paths of one cluster. They hold nothing of sophia's own memory.

    Attributes:
        secrets: a directory of one file a secret; the cluster's `secrets_dir` where it names one.
    """

    home: Home
    name: str
    secrets: Path

    @classmethod
    def of(cls, home: Home, cluster: Cluster) -> Kept:
        """What is kept of this cluster in this home; nothing is made yet."""
        secrets = cluster.secrets_dir or home.root / "clusters" / cluster.name / "secrets"
        return cls(home, cluster.name, secrets)

    @property
    def root(self) -> Path:
        """The directory of it all."""
        return self.home.root / "clusters" / self.name

    @property
    def journal(self) -> Path:
        """The file of `Journal`."""
        return self.root / "journal.jsonl"

    @property
    def releases(self) -> Path:
        """The directory of `Releases`."""
        return self.root / "releases"

    def prepare(self) -> Kept:
        """Makes the directories that are missing, 0700, and checks those that are there.

        Raises:
            Refused: one is a link, somebody else's, or open to others.
            SophiaError: the home cannot be used.
        """
        self.home.prepare()
        for each in (self.home.root / "clusters", self.root, self.secrets, self.releases):
            own_directory(each)
        return self
