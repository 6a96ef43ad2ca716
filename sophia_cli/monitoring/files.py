"""Files that were rendered before: compared with what they would be now, and written."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sophia_cli.errors import InvalidInput, Refused


@dataclass(frozen=True, slots=True)
class Planned:
    """One file.

    Attributes:
        state: `new`, `same` as it is already, or `differs`.
    """

    path: Path
    state: Literal["new", "same", "differs"]
    text: str
    before: str = ""

    def diff(self) -> str:
        """What would change, as a unified diff."""
        name = self.path.name
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.text.splitlines(keepends=True),
            "/dev/null" if self.state == "new" else f"{name} (there)",
            f"{name} (rendered)",
        )
        return "".join(lines)


def planned(directory: Path, texts: Mapping[str, str]) -> list[Planned]:
    """What writing these texts would do.

    Raises:
        InvalidInput: something that is no text file is in the way.
    """
    return [_planned(directory / name, text) for name, text in texts.items()]


def write(files: list[Planned], *, force: bool) -> None:
    """Writes those that are not there as they should be: all, or none of them.

    Raises:
        Refused: one differs, and may have been edited.
        OSError: it cannot be written.
    """
    edited = [each.path.name for each in files if each.state == "differs"]
    if edited and not force:
        raise Refused(
            f"{', '.join(edited)}: differs from what would be written; nothing was written",
            "--dry-run shows how; --force overwrites; --out writes elsewhere",
        )
    for each in files:
        if each.state != "same":
            each.path.parent.mkdir(parents=True, exist_ok=True)
            _write(each.path, each.text)


def _planned(path: Path, text: str) -> Planned:
    try:
        before = path.read_text("utf-8")
    except FileNotFoundError:
        return Planned(path, "new", text)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"{path}: {why}", "--out writes elsewhere") from None
    return Planned(path, "same" if before == text else "differs", text, before)


def _write(path: Path, text: str) -> None:
    """As a whole or not at all: Prometheus may read it meanwhile."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(fresh, 0o644)  # noqa: PTH101  (no secrets: Prometheus is another user)
        os.replace(fresh, path)  # noqa: PTH105
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
