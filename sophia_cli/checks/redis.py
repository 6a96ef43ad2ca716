"""Redis or Valkey: the hot cache."""

from __future__ import annotations

import re
import secrets
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.checks.redis_asking import asked, connected, info_of, why_absent
from sophia_cli.errors import SophiaError

if TYPE_CHECKING:
    from redis import Redis

    from sophia_cli.checks.scene import Scene

_PROBE_LIFETIME = 2000
_PINGS = 20
_BETWEEN = 0.5
_MOST_KEYS, _PAGE, _SECONDS = 20_000, 1000, 1.5
_STORE = re.compile(rb"sophia:([0-9a-f-]{36}):")


def _reachable(scene: Scene) -> Iterator[Finding]:
    if why := why_absent(scene):
        yield skipped(why)
        return
    embedded = scene.loaded.config.hot_cache.url is None
    if embedded and scene.standing.attended and scene.standing.engines["valkey"] != "running":
        state = scene.standing.engines["valkey"]
        log = str(scene.home.log("valkey"))
        what = f"it is {state}, though the resident process runs"
        yield failed(what, "", log, command="sophia up" if state == "stopped" else "sophia down")
        return
    key, value = f"sophia:probe:{secrets.token_hex(8)}", secrets.token_bytes(16)
    try:
        client = connected(scene)
        asked(lambda: client.set(key, value, px=_PROBE_LIFETIME))
        back = asked(lambda: client.get(key))
        asked(lambda: client.delete(key))
    except SophiaError as error:
        yield failed(error.message.removeprefix("hot_cache: "), command=error.hint)
        return
    if back != value:
        yield failed("it answered with what was not put there")
    else:
        yield passed("a value was put, got and removed")


def _memory(scene: Scene) -> Iterator[Finding]:
    if why := why_absent(scene):
        yield skipped(why)
        return
    told = info_of(scene)
    most, used = int(told.get("maxmemory", 0)), int(told.get("used_memory", 0))
    policy = str(told.get("maxmemory_policy", ""))
    evidence = f"maxmemory {most >> 20} MiB, {used >> 20} MiB used, maxmemory-policy {policy}"
    if most and policy == "noeviction" and used >= 0.95 * most:
        yield failed("it is full, and takes no more answers", "", evidence)
    elif most == 0:
        yield warned("nothing bounds its memory", "", evidence)
    elif policy == "noeviction":
        yield warned("once it is full it takes no more answers: noeviction", "", evidence)
    else:
        yield passed(f"{used >> 20} of {most >> 20} MiB, {policy}", "", evidence)


def _evictions(scene: Scene) -> Iterator[Finding]:
    if why := why_absent(scene):
        yield skipped(why)
        return
    before = info_of(scene)
    time.sleep(_BETWEEN)
    after = info_of(scene)
    gone = int(after.get("evicted_keys", 0)) - int(before.get("evicted_keys", 0))
    keys = sum(space["keys"] for name, space in after.items() if re.fullmatch(r"db[0-9]+", name))
    evidence = (
        f"evicted_keys grew by {gone:,} in {_BETWEEN:g} s; {keys:,} keys,"
        f" {int(after.get('evicted_keys', 0)):,} evicted since it started"
    )
    if gone > 0.01 * keys:
        yield warned("answers are pushed out as fast as they come", "", evidence)
    else:
        yield passed(f"{gone:,} keys were evicted while we looked", "", evidence)


def _persistence(scene: Scene) -> Iterator[Finding]:
    if why := why_absent(scene):
        yield skipped(why)
        return
    told = info_of(scene)
    names = ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
    evidence = [f"{name}: {told[name]}" for name in names if name in told]
    wrong = [name for name in names if told.get(name) not in (None, "ok")]
    if int(told.get("loading", 0)):
        yield warned("it is reading its data from the disk", "", *evidence)
    elif wrong:
        yield failed("it cannot write to its disk", "", *evidence)
    else:
        yield passed("no write to its disk has failed", "", *evidence)


def _latency(scene: Scene) -> Iterator[Finding]:
    if why := why_absent(scene):
        yield skipped(why)
        return
    client, patience = connected(scene), scene.loaded.config.hot_cache.timeout.total_seconds()
    spent = []
    for _ in range(_PINGS):
        started = time.perf_counter()
        asked(client.ping)
        spent.append(time.perf_counter() - started)
    median = statistics.median(spent)
    evidence = (
        f"{_PINGS} times PING: median {median * 1000:.2f} ms, worst {max(spent) * 1000:.2f} ms;"
        f" hot_cache.timeout is {patience * 1000:g} ms"
    )
    if median > patience:
        yield failed("it answers too late to be of use", "", evidence)
    elif median > patience / 2:
        yield warned("it answers almost too late to be of use", "", evidence)
    else:
        yield passed(f"it answers in {median * 1000:.2f} ms", "", evidence)


def _stale(scene: Scene) -> Iterator[Finding]:
    if why := why_absent(scene):
        yield skipped(why)
        return
    [(store,)] = scene.database.ask(
        lambda connection: connection.execute("SELECT id FROM store").fetchall()
    )
    client = connected(scene)
    strangers: dict[str, int] = {}
    endless = looked = cursor = 0
    deadline = time.monotonic() + _SECONDS
    while True:
        cursor, page = asked(partial(client.scan, cursor, match="sophia:*", count=_PAGE))
        looked += len(page)
        for key in page:
            if (found := _STORE.match(key)) and found[1].decode() != str(store):
                name = found[1].decode()
                strangers[name] = strangers.get(name, 0) + 1
        endless += _without_end(client, page)
        if cursor == 0 or looked >= _MOST_KEYS or time.monotonic() > deadline:
            break
    evidence = [f"{looked:,} keys of sophia's; {endless:,} without an end"]
    evidence += [f"{count:,} keys of store {name}" for name, count in strangers.items()]
    if endless:
        yield warned(f"{endless:,} keys never end", "", *evidence)
    elif strangers and scene.loaded.config.hot_cache.url is None:
        yield warned("it holds answers of another memory", "", *evidence)
    elif strangers:
        yield passed(f"{len(strangers)} other memories share it", "", *evidence)
    else:
        yield passed(f"{looked:,} keys, all of this memory", "", *evidence)


def _without_end(client: Redis, keys: list[bytes]) -> int:
    if not keys:
        return 0
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.pttl(key)
    return sum(left == -1 for left in asked(pipe.execute))


CHECKS: tuple[Check, ...] = (
    Check(
        "RD-01",
        "It takes a value and gives it back",
        Severity.SERIOUS,
        "Puts a value under a key of its own, gets it and removes it. Without the cache answers "
        "still come, and take longer.",
        "`sophia up` starts the embedded one; `sophia logs valkey` says why it does not",
        _reachable,
        fixable=True,
        fast=True,
    ),
    Check(
        "RD-02",
        "Its memory is bounded, and the oldest goes first",
        Severity.SERIOUS,
        "Looks at maxmemory and at what it does when that is reached. Unbounded it takes all of "
        "the machine's; with noeviction it refuses new answers once it is full.",
        "CONFIG SET maxmemory 256mb, CONFIG SET maxmemory-policy allkeys-lfu",
        _memory,
    ),
    Check(
        "RD-03",
        "Answers stay as long as they may",
        Severity.MINOR,
        "Counts what is pushed out in half a second. More than a hundredth of all keys means that "
        "answers are gone before anybody asks again.",
        "give it more memory: hot_cache.max_memory, or maxmemory of your server",
        _evictions,
    ),
    Check(
        "RD-04",
        "Its own disk takes what it writes",
        Severity.SERIOUS,
        "Looks whether the last save, the last write to its log and the last rewrite of that went "
        "well. After one that failed a server may refuse all writes.",
        "free its disk, see that it may write there; then BGSAVE",
        _persistence,
    ),
    Check(
        "RD-05",
        "It answers fast enough to be of use",
        Severity.MINOR,
        "Times twenty questions and compares the median with hot_cache.timeout, after which "
        "nobody waits for it any more. It warns at half of that.",
        "see what keeps the server (SLOWLOG GET), or raise hot_cache.timeout",
        _latency,
    ),
    Check(
        "RD-06",
        "It holds what is this memory's, and all of it ends",
        Severity.MINOR,
        "Looks through up to 20,000 of sophia's keys: those without an end, and in the embedded "
        "one those of another store. Several memories may share a server of your own.",
        "`sophia cache clear`; keys of another store end by themselves within a day",
        _stale,
    ),
)
