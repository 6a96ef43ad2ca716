"""What docs/playbooks.md says is what the code takes."""

from __future__ import annotations

from pathlib import Path

from sophia_cli.ops.playbooks.reference import documented

PAGE = Path(__file__).parents[3] / "docs" / "playbooks.md"


def test_the_page_has_every_operation_as_it_is() -> None:
    page = PAGE.read_text()
    assert documented(page) == page, "python -m sophia_cli.ops.playbooks.reference"
