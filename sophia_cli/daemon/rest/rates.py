"""How often each token may ask: a bucket of requests that fills at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sophia_cli.errors import RateLimited

_MOST_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """One bucket a token. For one thread: the event loop's.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, who: str, rate: float, burst: int) -> None:
        """Takes one request from somebody's bucket.

        Args:
            rate: requests a second that flow in.
            burst: requests that it holds.

        Raises:
            RateLimited: it is empty; says when there is one again.
        """
        now = self._clock()
        bucket = self._buckets.get(who)
        if bucket is None:
            if len(self._buckets) >= _MOST_BUCKETS:
                self._buckets.clear()  # A full bucket says nothing; the rest is a burst's worth.
            bucket = self._buckets[who] = _Bucket(burst, now)
        bucket.left = min(burst, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left < 1:
            raise RateLimited(
                f"more than {rate:g} requests a second",
                "wait, then go on more slowly",
                seconds=(1 - bucket.left) / rate,
            )
        bucket.left -= 1
