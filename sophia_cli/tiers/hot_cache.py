"""The hot cache: answers and query vectors in Valkey or Redis, as bytes with a lifetime.

Nothing in it is the only copy of anything. So a cache that does not answer costs one time-out and
then, for a moment, nothing: calls fail at once until it is worth asking again.

It is not believed either: each value carries a seal over its key and itself, and what comes back
without it was not put there.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionFailed
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

from sophia_cli.errors import ConfigurationError, SophiaError, TierDown
from sophia_cli.memory.ports import CacheFigures
from sophia_cli.tiers.breaker import COOLDOWN, Breaker

T = TypeVar("T")

_PAGE = 1000
_SEAL_BYTES = 8
_FOREIGN = "an answer that is none of Valkey's or Redis's"
_GLOB = re.compile(r"([\\*?\[\]])")


class RedisHotCache:
    """A `HotCache` on one Valkey or Redis server. Threads may share it.

    Args:
        address: returns `redis://`, `rediss://` or `unix://`, or the path of a Unix socket; called
            at first use and after a lost connection, so that the same call (re)starts an embedded
            server. What it raises becomes `TierDown`.
        password: given apart from the address, so that no error text can show it.
        prefix: put before every key: several memories may share a server.
        timeout: seconds to wait for a connection, and for each answer.
        cooldown: seconds for which calls fail at once after the server could not be reached.
    """

    def __init__(
        self,
        address: Callable[[], str],
        *,
        password: str | None = None,
        prefix: str = "sophia:",
        timeout: float = 0.2,
        cooldown: float = COOLDOWN,
    ) -> None:
        self._address = address
        self._password = password
        self._prefix = prefix
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Redis | None = None
        self._breaker = Breaker(_down, cooldown)

    def get(self, key: str) -> bytes | None:
        """The value, or None when it is absent or has expired.

        Raises:
            TierDown: the server cannot be reached, refuses, or gives what was not put there.
        """
        kept = self._run(lambda client: client.get(self._prefix + key))
        if kept is None:
            return None
        if isinstance(kept, bytes) and kept[:_SEAL_BYTES] == self._seal(key, kept[_SEAL_BYTES:]):
            return kept[_SEAL_BYTES:]
        raise _down("it answered with what was not put there")

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Stores a value for `seconds`, to the millisecond; nothing for a lifetime of 0 or less.

        Raises:
            TierDown: the server cannot be reached, or refuses.
        """
        milliseconds = int(seconds * 1000)
        if milliseconds > 0:
            sealed = self._seal(key, value) + value
            self._run(lambda client: client.set(self._prefix + key, sealed, px=milliseconds))

    def drop(self, prefix: str) -> int:
        """Erases every key that starts with `prefix`, 1000 at a time; returns how many went.

        Raises:
            TierDown: the server cannot be reached, or refuses; some keys may be left.
        """
        pattern = _GLOB.sub(r"\\\1", self._prefix + prefix) + "*"
        return self._run(lambda client: _unlink(client, pattern))

    def entries(self, prefix: str, limit: int) -> Iterator[tuple[str, bytes | None]]:
        """Keys that start with `prefix` and their values; None for one that was not put there.

        Raises:
            TierDown: the server cannot be reached, or refuses.
        """
        pattern = _GLOB.sub(r"\\\1", self._prefix + prefix) + "*"
        for name in self._run(lambda client: _keys(client, pattern, limit)):
            key = name.decode("utf-8", "replace").removeprefix(self._prefix)
            value = self._run(lambda client, name=name: _value(client, name))  # type: ignore[misc]
            if value is not None:  # else it has expired since
                sealed = value[:_SEAL_BYTES] == self._seal(key, value[_SEAL_BYTES:])
                yield key, value[_SEAL_BYTES:] if sealed else None

    def figures(self) -> CacheFigures:
        """The server's own account; an empty one where it does not let us ask.

        Raises:
            TierDown: the server cannot be reached.
        """
        return self._run(_figures)

    def close(self) -> None:
        """Closes every connection."""
        self._abandon(self._client)

    def _seal(self, key: str, value: bytes) -> bytes:
        digest = hashlib.blake2b((self._prefix + key).encode(), digest_size=_SEAL_BYTES)
        digest.update(value)
        return digest.digest()

    def _run(self, work: Callable[[Redis], T]) -> T:
        self._breaker.enter()
        try:
            result = self._attempt(work, again=True)
        except ResponseError as error:
            # It is up and said no: the next call may fare better. Only what precedes the
            # arguments is quoted.
            self._breaker.passed()
            raise _down(str(error).partition(", with args")[0]) from error
        except RedisError as error:
            raise self._breaker.failed(str(error) or type(error).__name__) from error
        except ConfigurationError:
            raise
        except SophiaError as error:
            raise self._breaker.failed(error.message) from error
        except (TypeError, ValueError) as error:
            raise self._breaker.failed(_FOREIGN) from error
        self._breaker.passed()
        return result

    def _attempt(self, work: Callable[[Redis], T], *, again: bool) -> T:
        """Does the work; once more, on new connections, when the connection was lost."""
        client = self._open()
        try:
            return work(client)
        except NoAnswer:
            raise NoAnswer(f"no answer within {self._timeout:g} s") from None
        except ConnectionFailed:
            self._abandon(client)
            if not again:
                raise
        return self._attempt(work, again=False)

    def _open(self) -> Redis:
        with self._lock:
            if self._client is None:
                address = self._address()
                settings: dict[str, Any] = {
                    "password": self._password,
                    "socket_timeout": self._timeout,
                    "socket_connect_timeout": self._timeout,
                    # The library's own retries would multiply the time-out.
                    "retry": Retry(NoBackoff(), 0),
                    "protocol": 2,
                }
                self._client = _client(address, settings)
            return self._client

    def _abandon(self, client: Redis | None) -> None:
        """Forgets a client whose server went away, unless another thread has done so."""
        with self._lock:
            if client is None or self._client is not client:
                return
            self._client = None
        # Other threads may be at work on the rest: theirs close as they fail or end.
        client.connection_pool.disconnect(inuse_connections=False)


class NoCache:
    """A `HotCache` that holds nothing: for a configuration without one."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002
        """None."""
        return None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Stores nothing."""

    def drop(self, prefix: str) -> int:  # noqa: ARG002
        """0."""
        return 0

    def entries(self, prefix: str, limit: int) -> Iterator[tuple[str, bytes | None]]:  # noqa: ARG002
        """Nothing."""
        return iter(())

    def figures(self) -> None:
        """None."""
        return

    def close(self) -> None:
        """Does nothing."""


def _down(cause: str) -> TierDown:
    return TierDown("hot_cache", cause, "answers still come, without the cache")


def _client(address: str, settings: dict[str, Any]) -> Redis:
    if address.startswith("/"):
        return Redis(unix_socket_path=address, **settings)
    try:
        return Redis.from_url(address, **settings)
    except ValueError:
        # The parser's own message may quote a password that stands in the address.
        raise ConfigurationError(
            "hot_cache.url is not the address of a Valkey or Redis",
            "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH",
        ) from None


def _figures(client: Redis) -> CacheFigures:
    try:
        told = client.info()
    except ResponseError:
        return CacheFigures()
    spaces = [space for name, space in told.items() if re.fullmatch(r"db[0-9]+", name)]
    return CacheFigures(
        told.get("used_memory"),
        sum(space["keys"] for space in spaces),
        told.get("keyspace_hits"),
        told.get("keyspace_misses"),
        told.get("evicted_keys"),
    )


def _unlink(client: Redis, pattern: str) -> int:
    """Scans to the end even when it finds nothing on the way: a page may well be empty."""
    erased, cursor = 0, 0
    while True:
        cursor, keys = cast(
            "tuple[int, list[bytes]]", client.scan(cursor, match=pattern, count=_PAGE)
        )
        if keys:
            erased += client.unlink(*keys)
        if cursor == 0:
            return erased


def _keys(client: Redis, pattern: str, limit: int) -> list[bytes]:
    found: list[bytes] = []
    cursor = 0
    while True:
        cursor, keys = cast(
            "tuple[int, list[bytes]]", client.scan(cursor, match=pattern, count=_PAGE)
        )
        found += keys
        if cursor == 0 or len(found) >= limit:
            return found[:limit]


def _value(client: Redis, key: bytes) -> bytes | None:
    """What a key holds; empty where that is something else than bytes."""
    try:
        return cast("bytes | None", client.get(key))
    except ResponseError as error:
        if "WRONGTYPE" not in str(error):
            raise
        return b""
