"""Clusters for the tests of the stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .cluster import StandinCluster

Start = Callable[..., StandinCluster]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts clusters; the arguments are those of `StandinCluster`."""
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(StandinCluster(tmp_path, **given))
