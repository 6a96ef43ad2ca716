from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from typer._adapters import disabled_pydantic_plugins

from sophia_cli.own_process import settle


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")  # and so it is put back afterwards
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    yield
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


def failures(threads: int = 4) -> list[BaseException]:
    """What goes wrong where threads build commands at once."""
    failed: list[BaseException] = []

    def build() -> None:
        try:
            for _ in range(5_000):
                with disabled_pydantic_plugins():
                    pass
        except KeyError as error:
            failed.append(error)

    sys.setswitchinterval(1e-6)
    building = [threading.Thread(target=build) for _ in range(threads)]
    for thread in building:
        thread.start()
    for thread in building:
        thread.join()
    return failed


def test_commands_can_be_built_by_several_threads_at_once() -> None:
    assert failures(), "it would do without being settled: then this variable is no longer needed"
    settle()
    assert failures() == []
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "1"


def test_garbage_is_looked_for_seldom() -> None:
    settle()
    assert gc.get_threshold()[0] >= 50_000
