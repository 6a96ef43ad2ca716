"""A lock lives as long as any process that inherited it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sophia_cli.engines import lock


def test_only_one_can_take_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not lock.held(path)
    descriptor = lock.take(path)
    assert descriptor is not None
    assert lock.take(path) is None
    assert lock.held(path)
    os.close(descriptor)
    assert not lock.held(path)


def test_looking_at_it_creates_no_file(tmp_path: Path) -> None:
    assert not lock.held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_it_stays_with_the_process_that_inherited_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    descriptor = lock.take(path)
    assert descriptor is not None
    arguments = [sys.executable, "-c", "input()"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, pass_fds=(descriptor,)) as heir:
        os.close(descriptor)
        assert lock.held(path)
        heir.kill()
    assert not lock.held(path)
