"""The examples of docs/client.md run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import House

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(house: House, number: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", EXAMPLES[number]],
        env=house.cli.environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
