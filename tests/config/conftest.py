"""What the tests of the configuration share: one file, loaded with nothing around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sophia_cli.config.loading import Loaded, load
from sophia_cli.errors import ConfigurationError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def load_text(tmp_path: Path, home: Path) -> Callable[..., Loaded]:
    """Loads a file with this content, under these variables and options."""

    def load_it(
        text: str | bytes,
        variables: dict[str, str] | None = None,
        options: dict[str, object] | None = None,
    ) -> Loaded:
        path = tmp_path / "sophia.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load({"HOME": str(home), **(variables or {})}, {"config": path, **(options or {})})

    return load_it


@pytest.fixture
def mistakes(load_text: Callable[..., Loaded], tmp_path: Path) -> Callable[..., list[str]]:
    """The lines of the error that loading raises, without the directory of the file."""

    def lines(*arguments: object) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            load_text(*arguments)
        return raised.value.message.replace(f"{tmp_path}/", "").split("\n")

    return lines
