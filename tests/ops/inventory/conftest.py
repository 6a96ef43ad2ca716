"""What the tests of the inventory share: one file, read with nothing around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.reading import ReadInventory, read_inventory


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ReadInventory]:
    """Reads a file with this content, under these variables."""

    def read_it(text: str, variables: dict[str, str] | None = None) -> ReadInventory:
        path = tmp_path / "sophia.yaml"
        path.write_text(text)
        return read_inventory({"HOME": "/home/ann", **(variables or {})}, {"config": path})

    return read_it


@pytest.fixture
def mistakes(read: Callable[..., ReadInventory], tmp_path: Path) -> Callable[..., list[str]]:
    """The lines of the error that reading raises, without the directory of the file."""

    def lines(text: str, variables: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            read(text, variables)
        return raised.value.message.replace(f"{tmp_path}/", "").split("\n")

    return lines
