"""How a file would change, as people read it."""

from __future__ import annotations

import difflib

_NO_NEWLINE = "\\ No newline at end of file"


def unified(path: str, before: bytes | None, after: bytes) -> str:
    """The unified diff of a file; empty where one side is no text, or nothing differs.

    Args:
        before: None where there is no file.
    """
    try:
        old = (before or b"").decode().splitlines(keepends=True)
        new = after.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return ""
    source = "/dev/null" if before is None else path
    return "\n".join(
        line[:-1] if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"
        for line in difflib.unified_diff(old, new, source, path)
    )
