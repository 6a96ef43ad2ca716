"""What is wanted of every host, and its errors."""

from __future__ import annotations

import pytest

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.together import redacted


@pytest.mark.timeout(20)
def test_an_error_is_redacted_with_all_that_caused_it() -> None:
    first = GateFailed("h1 says hunter2", "use hunter2")
    second = GateFailed("qdrant: h1 says hunter2", "")
    second.__cause__ = first
    first.__cause__ = second  # as who raises one from itself makes it
    redacted(second, lambda text: text.replace("hunter2", "***"))
    assert (second.message, first.message, first.hint) == (
        "qdrant: h1 says ***",
        "h1 says ***",
        "use ***",
    )
