"""What may befall the vectors of this process, each for the length of a block."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sophia_cli.home import Home
from tests.checks.conftest import Store

Fault = Callable[[Store], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def altered(store: Store) -> Iterator[None]:
    """No vector of a kind is what the records say it is."""
    other = np.zeros(384, "<f4")
    other[0] = 1.0
    store.sql(
        "CREATE TABLE kept AS SELECT * FROM memory_vector",
        f"UPDATE memory_vector SET vector = '\\x{other.tobytes().hex()}'",
    )
    try:
        yield
    finally:
        store.sql(
            "UPDATE memory_vector v SET vector = k.vector FROM kept k"
            " WHERE k.memory_id = v.memory_id",
            "DROP TABLE kept",
        )


@contextlib.contextmanager
def without_room(store: Store) -> Iterator[None]:
    """A real file system of 40 MiB over the directory."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", str(store.home.vectors)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, timeout=20).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(store.home.vectors)], check=True, timeout=20)


@contextlib.contextmanager
def other_layout(store: Store) -> Iterator[None]:
    note = store.home.vectors / "layout"
    before = note.read_text()
    note.write_text("1\n")
    try:
        yield
    finally:
        note.write_text(before)


@contextlib.contextmanager
def left_behind(store: Store) -> Iterator[None]:
    folder = store.home.vectors / "coding.old"
    folder.mkdir()
    os.utime(folder, (1_000_000_000, 1_000_000_000))
    try:
        yield
    finally:
        folder.rmdir()


@contextlib.contextmanager
def owing(store: Store) -> Iterator[None]:
    store.sql(
        "INSERT INTO outbox (memory_id, kind, enqueued_at)"
        " SELECT id, kind, clock_timestamp() - interval '10 minutes' FROM memory"
        " ON CONFLICT (memory_id) DO UPDATE SET enqueued_at = excluded.enqueued_at"
    )
    try:
        yield
    finally:
        store.sql("DELETE FROM outbox")


@contextlib.contextmanager
def taken(home: Home) -> Iterator[int]:
    """A stranger has the directory; yields its process id."""
    code = (
        "import sys; from pathlib import Path; from sophia_cli.tiers.vectors.lock import take\n"
        "take(Path(sys.argv[1]), 5); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(home.vectors / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid
    finally:
        holder.communicate()
