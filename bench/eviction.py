"""Which eviction policy hits most on skewed traces: python bench/eviction.py [--requests N].

The traces are made up and seeded, so every run prints the same hit rates. `s3-fifo` is the policy
that ships, for answers (`sophia_cli/tiers/gpu_cache/eviction.py`); `batched` is the same for rows
(`key_slots.py` beside it); the others are written down here to compare.
`best` knows the future (Belady): no policy can do better.
"""
# ruff: noqa: D102  a policy is called with a key, and says whether that was a hit

from __future__ import annotations

import argparse
import heapq
from collections import OrderedDict, deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.eviction import S3Fifo
from sophia_cli.tiers.gpu_cache.key_slots import KeySlots

Ints = NDArray[np.int64]
KEYS = 20_000
SIZES = (200, 2000)  # 1 % and 10 % of the keys


class Fifo:
    """The oldest leaves."""

    def __init__(self, size: int) -> None:
        self.size, self.kept = size, OrderedDict[int, None]()

    def __call__(self, key: int) -> bool:
        if key in self.kept:
            self.hit(key)
            return True
        if len(self.kept) >= self.size:
            self.kept.popitem(last=False)
        self.kept[key] = None
        return False

    def hit(self, key: int) -> None:
        """Changes nothing."""


class Lru(Fifo):
    """The one not used for longest leaves."""

    def hit(self, key: int) -> None:
        """Makes it the newest."""
        self.kept.move_to_end(key)


class Clock:
    """FIFO, with another round for what was used."""

    def __init__(self, size: int) -> None:
        self.size, self.used, self.ring = size, dict[int, bool](), deque[int]()

    def __call__(self, key: int) -> bool:
        if key in self.used:
            self.used[key] = True
            return True
        while len(self.used) >= self.size:
            oldest = self.ring.popleft()
            if self.used[oldest]:
                self.used[oldest] = False
                self.ring.append(oldest)
            else:
                del self.used[oldest]
        self.ring.append(key)
        self.used[key] = False
        return False


class Lfu:
    """The one used least leaves; what comes in starts at the count of what left last (LFU-DA)."""

    def __init__(self, size: int) -> None:
        self.size, self.worth, self.age = size, dict[int, int](), 0
        self.heap: list[tuple[int, int]] = []

    def __call__(self, key: int) -> bool:
        hit = key in self.worth
        while not hit and len(self.worth) >= self.size:
            worth, oldest = heapq.heappop(self.heap)
            if self.worth[oldest] == worth:
                del self.worth[oldest]
                self.age = worth
            else:
                heapq.heappush(self.heap, (self.worth[oldest], oldest))
        self.worth[key] = 1 + (self.worth[key] if hit else self.age)
        if not hit:
            heapq.heappush(self.heap, (self.worth[key], key))
        return hit


class Sieve:
    """FIFO with a hand that walks from old to new and lets the used ones stay (NSDI 2024)."""

    def __init__(self, size: int) -> None:
        self.size, self.used, self.order = size, dict[int, bool](), list[int]()
        self.hand = 0

    def __call__(self, key: int) -> bool:
        if key in self.used:
            self.used[key] = True
            return True
        if len(self.used) >= self.size:
            while self.used[self.order[self.hand]]:
                self.used[self.order[self.hand]] = False
                self.hand = (self.hand + 1) % len(self.order)
            del self.used[self.order.pop(self.hand)]
            self.hand %= max(1, len(self.order))
        self.order.append(key)
        self.used[key] = False
        return False


class Arc:
    """Two LRUs, seen once and seen again; their shares follow the hits on what left (FAST 2003)."""

    def __init__(self, size: int) -> None:
        self.size, self.share = size, 0.0
        self.once, self.again, self.left_once, self.left_again = (
            OrderedDict[int, None]() for _ in range(4)
        )

    def __call__(self, key: int) -> bool:
        if key in self.once or key in self.again:
            self.once.pop(key, None)
            self.again[key] = None
            self.again.move_to_end(key)
            return True
        seen_once, seen_again = len(self.left_once), len(self.left_again)
        if key in self.left_once:
            self.share = min(self.size, self.share + max(1, seen_again / seen_once))
        elif key in self.left_again:
            self.share = max(0, self.share - max(1, seen_once / seen_again))
        if len(self.once) + len(self.again) >= self.size:
            self.evict(key in self.left_again)
        known = key in self.left_once or key in self.left_again
        self.left_once.pop(key, None)
        self.left_again.pop(key, None)
        (self.again if known else self.once)[key] = None
        if len(self.once) + len(self.left_once) > self.size and self.left_once:
            self.left_once.popitem(last=False)
        elif len(self.left_once) + len(self.left_again) > self.size:
            (self.left_again or self.left_once).popitem(last=False)
        return False

    def evict(self, towards_once: bool) -> None:
        count = len(self.once)
        if count and (count > self.share or (towards_once and count == self.share)):
            self.left_once[self.once.popitem(last=False)[0]] = None
        else:
            self.left_again[self.again.popitem(last=False)[0]] = None


class TinyLfu:
    """W-TinyLFU: a window of 1 %, then only what was asked for more often than whom it replaces.

    Counts are exact here, and halved after ten times as many requests as there are entries.
    """

    def __init__(self, size: int) -> None:
        self.window_size = max(1, size // 100)
        self.size = size - self.window_size
        self.window, self.trial, self.safe = (OrderedDict[int, None]() for _ in range(3))
        self.counts, self.seen = dict[int, int](), 0

    def __call__(self, key: int) -> bool:
        self.counts[key] = min(15, self.counts.get(key, 0) + 1)
        self.seen += 1
        if self.seen >= 10 * self.size:
            self.counts = {key: count // 2 for key, count in self.counts.items() if count > 1}
            self.seen //= 2
        for part in (self.window, self.safe):
            if key in part:
                part.move_to_end(key)
                return True
        if key in self.trial:
            del self.trial[key]
            self.safe[key] = None
            if len(self.safe) > self.size * 8 // 10:
                self.trial[self.safe.popitem(last=False)[0]] = None
            return True
        self.window[key] = None
        if len(self.window) > self.window_size:
            self.judge(self.window.popitem(last=False)[0])
        return False

    def judge(self, key: int) -> None:
        if len(self.trial) + len(self.safe) >= self.size:
            part = self.trial or self.safe
            oldest = next(iter(part))
            if self.counts.get(key, 0) <= self.counts.get(oldest, 0):
                return
            del part[oldest]
        self.trial[key] = None


class Answering:
    """S3-FIFO as the answers of the GPU tier use it."""

    def __init__(self, size: int) -> None:
        self.size, self.policy = size, S3Fifo[int]()

    def __call__(self, key: int) -> bool:
        slot = self.policy.find(key)
        if slot is not None:
            self.policy.touch(slot)
            return True
        if len(self.policy) >= self.size:
            self.policy.evict()
        self.policy.admit(key)
        return False


class Batched:
    """S3-FIFO as its rows use it, though each key is a batch of its own here."""

    def __init__(self, size: int) -> None:
        self.policy = KeySlots(size)

    def __call__(self, key: int) -> bool:
        slot = self.policy.find(key)
        if slot is not None:
            self.policy.touch(slot)
            return True
        self.policy.admit([key])
        return False


POLICIES: dict[str, Callable[[int], Callable[[int], bool]]] = {
    "fifo": Fifo,
    "lru": Lru,
    "clock": Clock,
    "lfu": Lfu,
    "sieve": Sieve,
    "w-tinylfu": TinyLfu,
    "arc": Arc,
    "s3-fifo": Answering,
    "batched": Batched,
}


def best(trace: list[int], size: int) -> int:
    """Hits of whoever knows when each key is asked for again, and may also not keep it."""
    never = len(trace) * 2
    following, again = [never] * len(trace), dict[int, int]()
    for at in range(len(trace) - 1, -1, -1):
        following[at] = again.get(trace[at], never)
        again[trace[at]] = at
    kept, heap, hits = dict[int, int](), list[tuple[int, int]](), 0
    for at, key in enumerate(trace):
        hits += key in kept
        kept[key] = following[at]
        heapq.heappush(heap, (-following[at], key))
        while len(kept) > size:
            farthest, victim = heapq.heappop(heap)
            if kept.get(victim) == -farthest:
                del kept[victim]
    return hits


def traces(requests: int) -> dict[str, Ints]:
    """What questions could look like: a few asked over and over, most hardly ever."""
    random = np.random.default_rng(1)

    def zipf(skew: float) -> Ints:
        weights = 1 / np.arange(1, KEYS + 1) ** skew
        return random.choice(KEYS, requests, p=weights / weights.sum())

    made = {f"Zipf {skew}": zipf(skew) for skew in (0.7, 1.0, 1.3)}
    base, at = zipf(1.0), np.arange(requests)
    scans = base.copy()
    for start in range(requests // 10, requests, requests // 5):
        length = len(scans[start : start + requests // 20])
        scans[start : start + length] = 10 * KEYS + start + np.arange(length)
    made["a quarter of it scans"] = scans
    once = random.random(requests) < 0.5
    made["half asked once"] = np.where(once, 10 * KEYS + at, base)
    favourites = np.stack([random.permutation(KEYS) for _ in range(10)])
    made["popularity changes 10 times"] = favourites[at * 10 // requests, base]
    made["popularity drifts"] = base + at // 10
    bursts = base.copy()
    for place in np.flatnonzero(random.random(requests) < 0.3).tolist():
        bursts[place] = bursts[max(0, place - int(random.geometric(1 / 30)))]
    made["a third asked again soon"] = bursts
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    requests = parser.parse_args().requests
    rates: dict[str, list[float]] = {name: [] for name in [*POLICIES, "best"]}
    print(f"Percent of {requests:,} requests over {KEYS:,} keys that hit.\n")
    print("| entries | trace | " + " | ".join(rates) + " |")
    print("|---|---|" + "---|" * len(rates))
    for size in SIZES:
        for name, made in traces(requests).items():
            trace = made.tolist()
            for policy, make in POLICIES.items():
                rates[policy].append(100 * sum(map(make(size), trace)) / requests)
            rates["best"].append(100 * best(trace, size) / requests)
            cells = " | ".join(f"{found[-1]:.1f}" for found in rates.values())
            print(f"| {size:,} | {name} | {cells} |", flush=True)
    means = " | ".join(f"**{np.mean(found):.1f}**" for found in rates.values())
    print(f"| | **mean** | {means} |")


if __name__ == "__main__":
    main()
