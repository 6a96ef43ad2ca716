"""Which file is read, and what a path in it, in a variable or on the command line stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def home_of(variables: Mapping[str, str]) -> str:
    """The user's home directory: what `~` stands for."""
    return variables.get("HOME") or os.path.expanduser("~")  # noqa: PTH111  (a text, not a Path)


def file_of(variables: Mapping[str, str], option: object, cwd: Path) -> Path | None:
    """The file to read, None when there is none.

    Never one of the working directory: see docs/configuration.md.

    Args:
        option: what `--config` names; None where it was not given.
    """
    named = option or variables.get("SOPHIA_CONFIG")
    if named:
        return path_from(str(named), cwd, home_of(variables))
    path = usual_file(variables)
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        pass  # reading it says what is wrong
    return path


def usual_file(variables: Mapping[str, str]) -> Path:
    """The file that is read where none is named, whether it is there or not."""
    folder = variables.get("XDG_CONFIG_HOME", "")
    base = Path(folder) if folder.startswith("/") else Path(home_of(variables), ".config")
    return base / "sophia" / "sophia.yaml"


def path_from(text: str, base: Path, home: str) -> Path:
    """A path as it is written: `~` is the home, a relative one is relative to `base`."""
    return base / (home + text[1:] if text == "~" or text.startswith("~/") else text)
