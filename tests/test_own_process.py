from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from typer._adapters import disabled_pydantic_plugins

from sophia_cli.own_process import settle

_NAME = "PYDANTIC_DISABLE_PLUGINS"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    thresholds = gc.get_threshold()
    monkeypatch.setenv(_NAME, "")  # and so it is put back afterwards
    monkeypatch.delenv(_NAME)
    yield
    gc.set_threshold(*thresholds)


def build_two_commands_at_once() -> None:
    """As two threads do: both look what the variable is before one of them sets it."""
    first, second = disabled_pydantic_plugins(), disabled_pydantic_plugins()
    before = os.environ.get(_NAME)
    first.__enter__()
    if before is None:
        del os.environ[_NAME]
    else:
        os.environ[_NAME] = before
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)


def test_two_commands_can_be_built_at_once() -> None:
    with pytest.raises(KeyError):
        build_two_commands_at_once()
    settle()
    build_two_commands_at_once()
    assert os.environ[_NAME] == "1"


def test_garbage_is_looked_for_seldom() -> None:
    settle()
    assert gc.get_threshold()[0] >= 50_000
