"""Plain PostgreSQL: pgvector's cosine and full-text search, fused by reciprocal ranks in SQL.

The server is the one that sophia embeds, with the same settings, in a directory of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from peers.protocol import Peer
from peers.words import meant, worded
from pgvector.psycopg import register_vector

from sophia_cli.engines.postgres import Postgres
from sophia_cli.home import Home
from sophia_cli.memory.model import Draft
from sophia_cli.memory.ports import Embedder

_CANDIDATES = 20  # of each half, as in pgvector's own example; 50 recall less (docs/peers.md)

_TABLE = """
CREATE TABLE turn (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL,
    content text NOT NULL,
    words tsvector NOT NULL,
    embedding vector({dimension}) NOT NULL
);
CREATE INDEX ON turn (owner);
CREATE INDEX ON turn USING gin (words);
"""

_INSERT = """
INSERT INTO turn (owner, content, words, embedding)
VALUES (%s, %s, to_tsvector('english', %s), %s) RETURNING id
"""

# Any word of the question, not all of them: a question rarely has all its words in one turn.
_SEARCH = """
WITH asked AS (
    SELECT replace(plainto_tsquery('english', %(question)s)::text, ' & ', ' | ')::tsquery AS query
), meaning AS (
    SELECT id, row_number() OVER (ORDER BY distance) AS place
    FROM (
        SELECT id, embedding <=> %(vector)s AS distance FROM turn
        WHERE owner = %(user)s ORDER BY distance LIMIT %(candidates)s
    ) AS nearest
), wording AS (
    SELECT id, row_number() OVER (ORDER BY score DESC) AS place
    FROM (
        SELECT id, ts_rank(words, query) AS score FROM turn, asked
        WHERE owner = %(user)s AND words @@ query ORDER BY score DESC LIMIT %(candidates)s
    ) AS matching
)
SELECT id FROM meaning FULL JOIN wording USING (id)
ORDER BY coalesce(1.0 / (60 + meaning.place), 0) + coalesce(1.0 / (60 + wording.place), 0) DESC, id
LIMIT %(k)s
"""


@contextlib.contextmanager
def opened(embedder: Embedder, directory: Path) -> Iterator[Peer]:
    """Starts the server on a Unix socket in the directory; it ends with the context."""
    engine = Postgres(Home(directory / "home").prepare())
    try:
        with psycopg.connect(engine.ensure(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute(_TABLE.format(dimension=embedder.dimension))
            register_vector(connection)
            yield _Pgvector(connection, embedder)
    finally:
        engine.stop()


class _Pgvector:
    def __init__(self, connection: psycopg.Connection, embedder: Embedder) -> None:
        self._connection = connection
        self._embedder = embedder

    def store(self, drafts: Sequence[Draft]) -> list[int]:
        vectors = self._embedder.embed([meant(draft) for draft in drafts])
        rows = [
            (draft.user, draft.content, worded(draft), vector)
            for draft, vector in zip(drafts, vectors, strict=True)
        ]
        ids = []
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(_INSERT, rows, returning=True)
            for result in cursor.results():
                ids += [id_ for (id_,) in result]
        return ids

    def recall(self, question: str, user: str, k: int) -> list[int]:
        values = {
            "question": question,
            "vector": self._embedder.embed([question])[0],
            "user": user,
            "candidates": _CANDIDATES,
            "k": k,
        }
        return [id_ for (id_,) in self._connection.execute(_SEARCH, values)]
