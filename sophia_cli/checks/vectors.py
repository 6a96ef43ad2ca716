"""The vectors in this process: Qdrant's engine on a directory of the home."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, warned
from sophia_cli.engines import lock
from sophia_cli.errors import TierDown

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_SERVERS = "vectors.engine is server: see the Qdrant cluster"
_RESERVE = 64 << 20
_SAMPLES = 5
_SAME = 0.999
_OLD_DEBT = 300.0
_LEFT_BEHIND = 3600.0
_NAMED_WITHIN, _PAUSE = 0.5, 0.02


def _held(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    path = scene.home.vectors / "lock"
    if not path.exists():
        yield skipped("nobody has used them yet")
        return
    ours = {os.getpid(), scene.standing.resident.pid}
    held, holder = _holder(path, ours)
    evidence = f"{path}: process {holder or 'unknown'}"
    if not held:
        yield passed("nobody holds the directory", "", evidence)
    elif holder in ours:
        yield passed(f"process {holder} has the directory, which is ours", "", evidence)
    else:
        yield failed(
            f"process {holder or 'unknown'} has the directory, and is not the resident process",
            "",
            evidence,
            f"resident process: {scene.standing.resident.pid or 'none'}; we are {os.getpid()}",
        )


def _holder(path: Path, ours: Collection[int | None]) -> tuple[bool, int]:
    """Whether the directory is held, and by which process.

    Who has just taken it has not written its name yet: a stranger is looked at again.
    """
    deadline = time.monotonic() + _NAMED_WITHIN
    while True:
        held, holder = lock.held(path), _pid(path)
        if not held or holder in ours or time.monotonic() >= deadline:
            return held, holder
        time.sleep(_PAUSE)


def _finds(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    from sophia_cli.memory.model import KINDS, Where
    from sophia_cli.memory.probes import vectors as probe

    vectors, down = scene.vectors, False
    for kind in KINDS:
        try:
            count = vectors.count(kind)
        except TierDown as error:
            yield failed(error.message.removeprefix("vectors: "), kind, command=error.hint)
            down = True
            continue
        if not count:
            yield passed("it is empty", kind)
            continue
        samples = _samples(scene, kind)
        present = vectors.present(kind, list(samples))
        tried = found = 0
        for id_ in present:
            tried += 1
            nearest = vectors.nearest(kind, samples[id_], Where(), _SAMPLES)
            best = nearest[0][1] if nearest else 0.0
            comes = best > _SAME and id_ in {each for each, _ in nearest}
            found += comes or _crowded(nearest)
        evidence = f"{count:,} points; {found} of {tried} were found by their own vector"
        if not tried:
            yield skipped("none of its newest memories is indexed and settled", kind)
        elif not found:
            yield failed("a search does not find what is there", kind, evidence)
        else:
            yield passed(evidence, kind)
    if not down:
        probe(scene.service)


def _crowded(nearest: list[tuple[Any, float]]) -> bool:
    """Whether so many have the very same vector that any of them may come."""
    return len(nearest) == _SAMPLES and nearest[-1][1] > _SAME


def _samples(scene: Scene, kind: str) -> dict[Any, Any]:
    """The newest memories of a kind that the index owes nothing of, with their vectors."""
    from sophia_cli.tiers.records.rows import vector_of

    found = scene.database.ask(
        lambda connection: connection.execute(
            "SELECT m.id, v.vector FROM memory m JOIN store s ON true"
            " JOIN memory_vector v ON v.memory_id = m.id AND v.model_id = s.model_id"
            " WHERE m.kind = %s AND m.forgotten_at IS NULL AND m.valid_to IS NULL"
            " AND NOT EXISTS (SELECT FROM outbox o WHERE o.memory_id = m.id)"
            " ORDER BY m.created_at DESC, m.id DESC LIMIT %s",
            [kind, _SAMPLES],
        ).fetchall()
    )
    return {id_: vector_of(vector) for id_, vector in found}


def _room(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    directory = scene.home.vectors
    if not directory.is_dir():
        yield skipped("there are none yet")
        return
    from sophia_cli.tiers.vectors.edge import bytes_on_disk

    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    taken = bytes_on_disk(directory)
    evidence = [f"{directory}: {taken >> 20:,} MiB taken, {free >> 20:,} MiB free"]
    left = [path for path in directory.glob("*.old") if _age(scene, path) > _LEFT_BEHIND]
    evidence += [f"left behind: {path}" for path in left]
    if free < _RESERVE:
        yield failed(f"{free >> 20} MiB are free, 64 are kept in reserve", "", *evidence)
    elif left:
        yield warned("a collection that was replaced still takes its room", "", *evidence)
    else:
        yield passed(f"they take {taken >> 20:,} MiB", "", *evidence)


def _layout(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    from sophia_cli.memory.model import KINDS
    from sophia_cli.tiers.vectors.edge import is_current

    directory = scene.home.vectors
    if not any((directory / kind).exists() for kind in KINDS):
        yield skipped("there are none yet")
    elif is_current(directory):
        yield passed("they are laid out as this version does it")
    else:
        yield warned(
            "another version has laid them out: the next start builds them again",
            "",
            str(directory / "layout"),
            command="sophia reindex --from-scratch",
        )


def _owed(scene: Scene) -> Iterator[Finding]:
    if why := _absent(scene):
        yield skipped(why)
        return
    [(count, age, attempts, error)] = scene.database.ask(
        lambda connection: connection.execute(
            "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp()"
            " - min(enqueued_at)), 0)::float8, coalesce(max(attempts), 0), max(last_error)"
            " FROM outbox"
        ).fetchall()
    )
    evidence = f"outbox: {count:,} entries, the oldest {age:,.0f} s old, tried {attempts} times"
    more = [f"last error: {error}"] if error else []
    if age > _OLD_DEBT:
        yield warned(f"{count:,} memories wait to be indexed", "", evidence, *more)
    else:
        yield passed(f"{count:,} memories wait to be indexed", "", evidence)


def _absent(scene: Scene) -> str:
    return "" if scene.loaded.config.vector_engine == "edge" else _SERVERS


def _pid(path: Path) -> int:
    try:
        return int(path.read_text().strip() or 0)
    except (OSError, ValueError):
        return 0


def _age(scene: Scene, path: Path) -> float:
    try:
        return scene.invocation.now.timestamp() - path.stat().st_mtime
    except OSError:
        return 0.0


CHECKS: tuple[Check, ...] = (
    Check(
        "VE-01",
        "One process has the directory, and it is ours",
        Severity.CRITICAL,
        "Looks who has locked the directory of the vectors: the engine lives inside one process, "
        "and no other can use it meanwhile.",
        "end the process that is named, or let it finish",
        _held,
    ),
    Check(
        "VE-02",
        "A search finds what is there",
        Severity.CRITICAL,
        "Loads every collection, takes the vectors of the newest memories from the records and "
        "searches by each: the memory has to come back. It also removes a point that never was, "
        "which goes through the engine's log and changes nothing.",
        "sophia reindex --from-scratch",
        _finds,
        fast=True,
    ),
    Check(
        "VE-03",
        "The engine has room to write",
        Severity.CRITICAL,
        "Compares what is free with the 64 MiB that are kept in reserve: a full disk would kill "
        "the process in the middle of a write, so it refuses to write before. It also finds what "
        "an interrupted rebuild left behind.",
        "free some space; `sophia down`, then remove what was left behind",
        _room,
    ),
    Check(
        "VE-04",
        "The collections are laid out as this version does it",
        Severity.MINOR,
        "Looks at the note of the layout. What another version wrote is dropped at the next start "
        "and built again from the records.",
        "sophia reindex --from-scratch",
        _layout,
    ),
    Check(
        "VE-05",
        "The index owes nothing for long",
        Severity.SERIOUS,
        "Looks how many memories wait to be written to the vectors, and for how long. They are "
        "stored, and found by their words alone until then. It warns after five minutes.",
        "`sophia logs` says why; `sophia reindex` writes them",
        _owed,
    ),
)
