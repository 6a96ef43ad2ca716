"""The files of a folder that can be read, in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sophia_cli.reading.formats import SUFFIXES


def files_of(folder: Path) -> Iterator[Path]:
    """Every file below `folder` with an ending we read, sorted; hidden ones are left out.

    Links to folders are not followed: they may lead round in a circle.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES and path.is_file():
                yield path
