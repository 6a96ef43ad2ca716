"""The engine in process: what survives, who may open it, and what a broken store says."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.errors import OutOfSpace, Refused, TierDown
from sophia_cli.memory.model import Kind, Where
from sophia_cli.tiers.vectors import edge
from sophia_cli.tiers.vectors.edge import EdgeVectors
from sophia_cli.tiers.vectors.proving import proven

from .entries import DIMENSION, entry, numbered, unit
from .processes import child

CODING = Kind.CODING


def _file(directory: Path, pattern: str) -> Path:
    [found] = directory.glob(pattern)
    return found


def test_every_written_point_survives_a_kill(tmp_path: Path) -> None:
    written = child(
        tmp_path,
        """
        for start in range(0, 1000, 100):
            vectors.upsert(Kind.CODING, [entry(n, f"word{n}") for n in range(start, start + 100)])
        vectors.delete(Kind.CODING, [entry(7).id])
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert written.wait(60) == -signal.SIGKILL
    vectors = EdgeVectors(tmp_path, DIMENSION)
    try:
        assert set(vectors.ids(CODING)) == {numbered(n) for n in range(1000) if n != 7}
        found = vectors.candidates(CODING, entry(500).context, "word999", Where(), 5)
        assert numbered(500) in found.ids
        assert numbered(999) in found.ids
    finally:
        vectors.close()


def test_its_size_is_what_the_directory_takes_on_the_disk(tmp_path: Path) -> None:
    directory = tmp_path / "vectors"
    vectors = EdgeVectors(directory, DIMENSION)
    assert vectors.bytes_on_disk() == 0
    vectors.upsert(CODING, [entry(number) for number in range(1000)])
    vectors.flush()
    told = subprocess.run(["du", "-s", "-B1", directory], capture_output=True, check=True)
    folders = sum(4096 for path in (directory, *directory.rglob("*/")) if path.is_dir())
    assert abs(vectors.bytes_on_disk() - int(told.stdout.split()[0])) <= 2 * folders
    assert vectors.bytes_on_disk() > 1000 * DIMENSION * 4
    vectors.close()


def test_a_second_process_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    holder = child(
        tmp_path,
        """
        vectors.upsert(Kind.CODING, [entry(1)])
        print("ready", flush=True)
        time.sleep(60)
        """,
    )
    vectors = EdgeVectors(tmp_path, DIMENSION, lock_wait=0.2)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(TierDown, match=f"in use by process {holder.pid}"):
            vectors.count(CODING)
        with pytest.raises(TierDown, match=f"in use by process {holder.pid}"):
            vectors.upsert(CODING, [entry(2)])
        holder.kill()
        holder.wait(10)
        assert vectors.count(CODING) == 1
    finally:
        holder.kill()
        holder.wait(10)
        vectors.close()


def test_a_directory_that_is_let_go_in_time_is_taken(tmp_path: Path) -> None:
    first = EdgeVectors(tmp_path, DIMENSION)
    first.upsert(CODING, [entry(1)])
    threading.Timer(0.3, first.close).start()
    second = EdgeVectors(tmp_path, DIMENSION, lock_wait=30)
    try:
        assert second.count(CODING) == 1
    finally:
        second.close()


def test_nothing_is_touched_before_the_first_call(tmp_path: Path) -> None:
    directory = tmp_path / "vectors"
    EdgeVectors(directory, DIMENSION)
    assert not directory.exists()


def test_only_the_owner_can_look_inside(tmp_path: Path) -> None:
    directory = tmp_path / "vectors"
    directory.mkdir(mode=0o755)
    vectors = EdgeVectors(directory, DIMENSION)
    vectors.upsert(CODING, [entry(1)])
    vectors.close()
    for path in (directory, directory / "coding"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "lock").stat().st_mode) == 0o600


def test_a_closed_store_says_so_and_can_be_closed_again(tmp_path: Path) -> None:
    vectors = EdgeVectors(tmp_path, DIMENSION)
    vectors.upsert(CODING, [entry(1)])
    vectors.close()
    vectors.close()
    with pytest.raises(TierDown, match="closed"):
        vectors.count(CODING)


def test_another_models_store_is_refused_and_can_be_reset(tmp_path: Path) -> None:
    first = EdgeVectors(tmp_path, DIMENSION)
    first.upsert(CODING, [entry(1)])
    first.close()
    other = EdgeVectors(tmp_path, DIMENSION * 2)
    try:
        with pytest.raises(Refused, match=f"{DIMENSION} dimensions.* {DIMENSION * 2}"):
            other.count(CODING)
        other.reset(CODING, DIMENSION * 2)
        changed = {"dense": unit(1, DIMENSION * 2), "context": unit(2, DIMENSION * 2)}
        other.upsert(CODING, [entry(1, **changed)])
        assert other.count(CODING) == 1
    finally:
        other.close()


@pytest.mark.parametrize(
    "pattern",
    [
        "edge_config.json",
        "wal/first-index",
        "segments/*/segment.json",
        "segments/*/payload_storage/config.json",
        "segments/*/vector_storage-dense/quantized.config.json",
        "segments/*/vector_storage-dense/quantized.meta.json",
        # The engine panics at these three.
        "segments/*/vector_storage-dense/quantized_data/status.dat",
        "segments/*/vector_storage-dense/deleted/status.dat",
        "segments/*/payload_index/*-scope-null/is_null/status.dat",
    ],
)
def test_a_broken_store_says_how_to_mend_it(tmp_path: Path, pattern: str) -> None:
    vectors = EdgeVectors(tmp_path, DIMENSION)
    vectors.upsert(CODING, [entry(1, user="ana")])
    vectors.upsert(Kind.BUSINESS, [entry(2)])
    vectors.close()
    os.truncate(_file(tmp_path / "coding", pattern), 0)
    vectors = EdgeVectors(tmp_path, DIMENSION)
    try:
        with pytest.raises(TierDown) as broken:
            vectors.count(CODING)
        assert "reindex --from-scratch" in broken.value.hint
        assert "\n" not in broken.value.message
        assert vectors.count(Kind.BUSINESS) == 1
        vectors.reset(CODING, DIMENSION)
        vectors.upsert(CODING, [entry(3)])
        assert list(vectors.ids(CODING)) == [numbered(3)]
    finally:
        vectors.close()


def test_what_a_crash_left_of_a_new_collection_is_no_obstacle(tmp_path: Path) -> None:
    for leftover in ("coding.new", "coding.old"):
        (tmp_path / leftover / "segments").mkdir(parents=True)
        (tmp_path / leftover / "edge_config.json").write_text("{")
    vectors = EdgeVectors(tmp_path, DIMENSION)
    try:
        vectors.upsert(CODING, [entry(1)])
        vectors.reset(CODING, DIMENSION)
        assert vectors.count(CODING) == 0
    finally:
        vectors.close()
    assert {path.name for path in tmp_path.iterdir()} == {"coding", "layout", "lock"}


def test_nothing_is_written_into_the_last_of_the_disk(tmp_path: Path) -> None:
    """The engine would be killed there (SIGBUS); `reserve` is what must stay free."""
    vectors = EdgeVectors(tmp_path, DIMENSION)
    vectors.upsert(CODING, [entry(1)])
    vectors.close()
    full = EdgeVectors(tmp_path, DIMENSION, reserve=1 << 60)
    try:
        with pytest.raises(OutOfSpace, match="MiB free"):
            full.upsert(CODING, [entry(2)])
        with pytest.raises(OutOfSpace, match="MiB free"):
            full.delete(CODING, [numbered(1)])
        with pytest.raises(TierDown, match="MiB free"):
            full.count(CODING)
    finally:
        full.close()


def test_readers_writers_and_a_reset_do_not_meet(tmp_path: Path) -> None:
    vectors = EdgeVectors(tmp_path, DIMENSION)
    vectors.upsert(CODING, [entry(n, "shared", session=f"s{n}", turn=n) for n in range(100)])
    stop = threading.Event()
    troubles: list[BaseException] = []

    def repeat(action) -> None:
        try:
            while not stop.is_set():
                action()
        except BaseException as error:
            troubles.append(error)

    def recall() -> None:
        found = vectors.candidates(CODING, unit(5), "shared", Where(), 20)
        assert [id_.int & 0xFFFF for id_ in found.ids] == found.facts["turn"].tolist()

    def write() -> None:
        vectors.upsert(CODING, [entry(n, "shared", session=f"s{n}", turn=n) for n in range(150)])
        vectors.delete(CODING, [numbered(n) for n in range(100, 150)])

    actions = [recall, recall, write, lambda: vectors.reset(CODING, DIMENSION), vectors.flush]
    threads = [threading.Thread(target=repeat, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    stop.set()
    for thread in threads:
        thread.join(30)
    vectors.close()
    assert troubles == []


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    vectors = EdgeVectors(tmp_path / "taken", DIMENSION)
    with pytest.raises(TierDown, match="taken"):
        vectors.count(CODING)


def test_facts_that_are_read_ahead_keep_no_comparison_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry(number) for number in range(300)]
    store = EdgeVectors(tmp_path / "vectors", DIMENSION)
    store.upsert(CODING, entries)
    store.close()
    monkeypatch.setattr(edge, "AHEAD", 10)
    monkeypatch.setattr(edge, "_SHARE", 1e6)  # who waits for others waits for ever
    again = EdgeVectors(tmp_path / "vectors", DIMENSION, ahead=True)
    page = again.page(CODING, None, len(entries))
    again.close()
    assert sorted(page.ids) == sorted(each.id for each in entries)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how a file is mapped")
def test_vectors_that_are_all_looked_at_are_read_in_order_and_afterwards_at_random(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EdgeVectors(tmp_path / "vectors", DIMENSION)
    store.upsert(CODING, [entry(number) for number in range(300)])
    seen: list[set[tuple[str, str]]] = []

    def looked(*arguments: Any) -> Any:
        seen.append(_order(tmp_path))
        return proven(*arguments)

    monkeypatch.setattr(edge, "proven", looked)
    as_the_engine_has_it = _order(tmp_path)
    assert as_the_engine_has_it == {("written", "rr"), ("only read", "sr")}
    assert len(store.page(CODING, None, 300).ids) == 300
    assert len(seen) > 1
    assert all(each == {("written", ""), ("only read", "sr")} for each in seen)
    assert _order(tmp_path) == as_the_engine_has_it
    store.close()


def _order(store: Path) -> set[tuple[str, str]]:
    """How the files of vectors are mapped, and read: at random (rr), one after the other (sr)."""
    found = set()
    path = ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            path = values[-1] if len(values) == 5 else ""
        elif name == "VmFlags:" and path.startswith(str(store)) and "/vectors/chunk" in path:
            order = next((flag for flag in ("rr", "sr") if flag in values), "")
            found.add(("written" if "wr" in values else "only read", order))
    return found
