"""A run as JSON and back: what `--out` writes, `--json` prints and `--compare` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sophia_cli.bench.results import Run
from sophia_cli.errors import InvalidInput

FORMAT = "sophia-bench"
VERSION = 1
"""Moved when a figure of an older file would be read for something that it is not."""

_LARGEST = 64 << 20
_HINT = "it must be what `sophia bench --out FILE` or `--json` wrote"
_adapter = TypeAdapter(Run)


def as_document(run: Run) -> dict[str, Any]:
    """The run as plain values, with the format's name and version in front."""
    return {"format": FORMAT, "version": VERSION, **_adapter.dump_python(run, mode="json")}


def write(run: Run, path: Path) -> None:
    """Writes a run for a later `--compare`."""
    path.write_text(json.dumps(as_document(run), ensure_ascii=False, indent=1) + "\n", "utf-8")


def read(path: Path) -> Run:
    """The run that a file holds; the envelope of `--json` will do.

    Raises:
        InvalidInput: it cannot be read, is no result of ours, or one of another version.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", _HINT) from error
    try:
        if len(content) > _LARGEST:
            raise ValueError("too large")
        document = json.loads(content)
        if isinstance(document, dict) and isinstance(document.get("data"), list):
            [document] = document["data"]
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise ValueError("of another format")
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: no result of `sophia bench`", _HINT) from error
    version = document.pop("version", None)
    if version != VERSION:
        raise InvalidInput(
            f"{path}: a result of format version {version}, this sophia compares {VERSION}",
            "measure the old version again with its own `sophia bench`, or both with this one",
        )
    try:
        return _adapter.validate_python(document)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InvalidInput(f"{path}: a damaged result, at {where[:80]}", _HINT) from error
