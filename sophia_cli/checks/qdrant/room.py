"""What the servers have left: memory, files and maps, disk; and how old their snapshots are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    unknown,
    warned,
)
from sophia_cli.checks.hosts.asked import NotTold, Space
from sophia_cli.checks.hosts.told import Told, all_told
from sophia_cli.checks.qdrant.figures import figures
from sophia_cli.checks.qdrant.hearing import Hearing
from sophia_cli.checks.qdrant.sources import hearing, on_cluster, without
from sophia_cli.config.shapes import bytes_in
from sophia_cli.errors import SophiaError
from sophia_cli.ops.qdrant.asks import Answer, Silence

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_MOST = 0.8
_LEAST_FREE = 0.2
_YOUNG = timedelta(hours=24)
_GIB = 1 << 30
_SIZES = "/telemetry?details_level=3"


def _memory(scene: Scene) -> Iterator[Finding]:
    heard = hearing(scene)
    reason = without(heard)
    if reason is not None:
        yield reason
        return
    assert isinstance(heard, Hearing)  # noqa: S101  (`without` has looked)
    limit = _limit(scene)
    for host, said in heard.each("/metrics").items():
        resident = _figures(said).get("memory_resident_bytes")
        whole = _ram(heard, host)
        most = min((each for each in (limit, whole) if each), default=0)
        if resident is None or not most:
            yield unknown("it does not tell how much it takes, or of how much", host)
            continue
        evidence = f"{host}: {resident / _GIB:,.2f} of {most / _GIB:,.2f} GiB"
        says = f"it takes {resident / most:.0%} of its memory"
        judge = failed if resident > 0.95 * most else warned
        yield (
            judge(says, host, evidence) if resident > _MOST * most else passed(says, host, evidence)
        )


def _limit(scene: Scene) -> int:
    """What the inventory lets a server take, bytes; 0 for all there is."""
    read = scene.inventory
    limits = read.inventory.services.qdrant.limits if read else None
    return bytes_in(limits.memory) if limits and limits.memory else 0


def _ram(heard: Hearing, host: str) -> int:
    """The memory of a server's machine, bytes; 0 where it does not tell."""
    said = heard.each(_SIZES)[host]
    result = said.result if isinstance(said, Answer) else None
    system = ((result or {}).get("app") or {}).get("system") or {}
    return int(system.get("ram_size") or 0) << 10


def _files(heard: Hearing) -> Iterator[Finding]:
    pairs = (
        ("files", "process_open_fds", "process_max_fds"),
        ("memory maps", "process_open_mmaps", "system_max_mmaps"),
    )
    for host, said in heard.each("/metrics").items():
        found = _figures(said)
        told = [
            (what, found[used], found[most])
            for what, used, most in pairs
            if used in found and found.get(most)
        ]
        if not told:
            yield unknown("it does not tell how many files it has open", host)
            continue
        evidence = [f"{host}: {used:,.0f} of {most:,.0f} {what}" for what, used, most in told]
        scarce = [
            f"{used / most:.0%} of its {what}" for what, used, most in told if used > _MOST * most
        ]
        if scarce:
            yield warned(f"it has open {' and '.join(scarce)}", host, *evidence)
        else:
            yield passed("it has files and maps to spare", host, *evidence)


def _disk(scene: Scene) -> Iterator[Finding]:
    heard = hearing(scene)
    if isinstance(heard, str):
        yield skipped(heard)
        return
    if not heard.wanted.listed:
        yield skipped("only a host tells about its disk, and the configuration names none")
        return
    hosts = {peer.host for peer in heard.peers}
    for name, said in all_told(scene):
        if name not in hosts:
            continue
        if isinstance(said, SophiaError):
            yield unknown(said.message.removeprefix(f"{name}: "), name)
        else:
            yield _free(heard, said)


def _free(heard: Hearing, said: Told) -> Finding:
    path = next(path for service, path in said.expected.directories if service == "Qdrant")
    spaces = said.of(Space(tuple(path for _, path in said.expected.directories)))
    space = None if isinstance(spaces, NotTold) else spaces.get(path)
    if space is None:
        return unknown(f"the file system of {path} does not answer", said.name)
    largest = _largest_shard(heard, said.name)
    evidence = [
        f"{space.at}: {space.free / _GIB:,.1f} of {space.size / _GIB:,.1f} GiB free",
        f"its largest shard takes {largest / _GIB:,.2f} GiB",
    ]
    share = space.free_share
    if space.free < largest:
        return failed(f"{share:.0%} free: no room to copy its largest shard", said.name, *evidence)
    if share < _LEAST_FREE / 2:
        return failed(f"{share:.0%} free", said.name, *evidence)
    if share < _LEAST_FREE:
        return warned(f"{share:.0%} free", said.name, *evidence)
    return passed(f"{share:.0%} free, room for its largest shard", said.name, *evidence)


def _largest_shard(heard: Hearing, host: str) -> int:
    """Bytes; 0 where the server does not tell."""
    said = heard.each(_SIZES).get(host)
    result = said.result if isinstance(said, Answer) else None
    collections = ((result or {}).get("collections") or {}).get("collections") or ()
    sizes = [
        int(local.get("vectors_size_bytes") or 0) + int(local.get("payloads_size_bytes") or 0)
        for each in collections
        for shard in each.get("shards") or ()
        if (local := shard.get("local"))
    ]
    return max(sizes, default=0)


def _snapshots(scene: Scene) -> Iterator[Finding]:
    heard = hearing(scene)
    reason = without(heard)
    if reason is not None:
        yield reason
        return
    assert isinstance(heard, Hearing)  # noqa: S101  (`without` has looked)
    newest: dict[str, datetime | None] = {}
    for name in heard.look.collections:
        for host, said in heard.each(f"/collections/{quote(name, safe='')}/snapshots").items():
            made = _newest(said)
            newest[host] = max(filter(None, (newest.get(host), made)), default=None)
    if not any(newest.values()):
        yield skipped("nobody makes snapshots here: the records hold what vectors are made from")
        return
    now = scene.invocation.now
    for host, made in newest.items():
        if made is None:
            yield warned("it has none, though others have", host)
            continue
        age = now - made
        says = f"its newest is {age.total_seconds() / 3600:,.1f} h old"
        evidence = f"{host}: made {made:%Y-%m-%d %H:%M} UTC"
        yield (passed if age < _YOUNG else warned)(says, host, evidence)


def _newest(said: Answer | Silence) -> datetime | None:
    listed = said.result if isinstance(said, Answer) else None
    times = []
    for each in listed if isinstance(listed, list) else ():
        try:
            times.append(datetime.fromisoformat(str(each["creation_time"])).replace(tzinfo=UTC))
        except (LookupError, TypeError, ValueError):
            continue
    return max(times, default=None)


def _figures(said: Answer | Silence) -> Mapping[str, Any]:
    return figures(said.body) if isinstance(said, Answer) and said.status == 200 else {}


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-28",
        "Every server has memory to spare",
        Severity.SERIOUS,
        "Compares what the server takes with its machine's memory, or with the limit of the "
        "inventory. It warns above 80 % and fails above 95 %: next, the kernel ends it.",
        "raise services.qdrant.limits.memory, give the host more, or set quantization to scalar",
        _memory,
        timeout=11.0,
    ),
    Check(
        "QD-29",
        "Every server has files and memory maps to spare",
        Severity.SERIOUS,
        "Compares how many files and memory maps each server has open with how many it may. Each "
        "segment takes some; with none left, writes fail.",
        "raise the limits of the host (vm.max_map_count, nofile): `sophia deploy prepare qdrant`",
        on_cluster(_files),
        timeout=11.0,
    ),
    Check(
        "QD-30",
        "Every peer's disk has room to work",
        Severity.CRITICAL,
        "Reads from the host how much of the peer's disk is free: 20 %, and enough to copy its "
        "largest shard. On a full disk a peer says that it is ready and green, answers searches, "
        "and refuses every write.",
        "free space below services.qdrant.data_dir, or give it a larger disk",
        _disk,
        timeout=11.0,
    ),
    Check(
        "QD-35",
        "Every peer has a snapshot of the last day",
        Severity.MINOR,
        "Looks where snapshots are made at all whether each peer has one younger than 24 hours: "
        "they are kept by each peer for itself. Without any, vectors are made anew from the "
        "records, which takes longer.",
        "make one, and see why the last ones were not made",
        _snapshots,
        timeout=11.0,
    ),
)
