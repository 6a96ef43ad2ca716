"""One change of an editor's configuration: made up first, shown, and only then written."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sophia_cli.errors import Conflict, InvalidInput, Refused
from sophia_cli.mcp.editors.editor import SERVER, VARIABLES, Editor
from sophia_cli.mcp.editors.edits import with_value, without
from sophia_cli.mcp.editors.jsonc import Malformed, parse

_LARGEST = 64 << 20
_LONGEST_LINE = 160


@dataclass(frozen=True, slots=True)
class Change:
    """What a file holds and what it shall hold; `before` None where there is no file."""

    path: Path
    before: str | None
    after: str

    @property
    def needed(self) -> bool:
        """Whether there is anything to change."""
        return self.after != (self.before or "")

    def diff(self) -> list[str]:
        """The lines that go and come. No others: what stands beside them may be secret."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(), self.after.splitlines(), lineterm="", n=0
        )
        return [
            each if len(each) <= _LONGEST_LINE else f"{each[:_LONGEST_LINE]}…" for each in lines
        ][2:]

    def write(self, mode: int) -> Path | None:
        """Writes it in one step, where a link leads; returns the copy of what was there.

        Args:
            mode: of a file that is new; another keeps its own.

        Raises:
            Conflict: the file is not what it was any more.
            OSError: it cannot be written.
        """
        target = self.path.resolve()
        if _read(target) != self.before:
            raise Conflict(f"{self.path} was changed meanwhile", "run it again")
        backup = None
        if self.before is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        else:
            mode = stat.S_IMODE(target.stat().st_mode)
            backup = target.with_name(f"{target.name}.bak")
            shutil.copy2(target, backup)
        _replace(target, self.after.encode(), mode)
        return backup


def installed(editor: Editor, path: Path, entry: Mapping[str, Any]) -> Change:
    """The change that makes `entry` the editor's entry for us; what else is in it stays.

    Raises:
        InvalidInput: the file cannot be read as JSON; says where.
        Refused: the entry is of another kind.
    """
    before = _read(path)
    place = (editor.servers, SERVER)
    try:
        after = before or ""
        there = _entry(after, place)
        if there is not None and "url" in there:
            raise Refused(
                f"{path}: {SERVER} is a server at an address there",
                f"sophia mcp uninstall {editor.name} removes it",
            )
        if there is None:
            return Change(path, before, with_value(after, place, entry))
        for key, value in entry.items():
            if key != "env":
                after = with_value(after, (*place, key), value)
        after = _with_variables(after, (*place, "env"), there.get("env"), entry.get("env", {}))
    except Malformed as error:
        raise _unusable(path, error) from None
    return Change(path, before, after)


def uninstalled(editor: Editor, path: Path) -> Change:
    """The change that removes the editor's entry for us.

    Raises:
        InvalidInput: the file cannot be read as JSON; says where.
    """
    before = _read(path)
    try:
        return Change(path, before, without(before or "", (editor.servers, SERVER)))
    except Malformed as error:
        raise _unusable(path, error) from None


def _entry(text: str, place: tuple[str, str]) -> dict[str, Any] | None:
    """Our entry, where it is an object."""
    found = parse(text).value if text.strip("\ufeff \t\r\n") else {}
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _with_variables(
    text: str, place: tuple[str, ...], there: Any, wanted: Mapping[str, str]
) -> str:
    """The variables that lead to the memory as they are to be; the user's own stay."""
    if not isinstance(there, dict):
        return with_value(text, place, wanted) if wanted else text
    for name, value in wanted.items():
        text = with_value(text, (*place, name), value)
    for name in VARIABLES:
        text = text if name in wanted else without(text, (*place, name))
    return text


def _unusable(path: Path, error: Malformed) -> InvalidInput:
    return InvalidInput(
        f"{path}:{error.line}:{error.column}: {error.what}", "mend it; nothing was changed"
    )


def _read(path: Path) -> str | None:
    """A file as it is, with its line ends; None where there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    if len(content) > _LARGEST:
        raise InvalidInput(f"{path} is far too large for a configuration")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: byte {error.start + 1} is not UTF-8") from None


def _replace(target: Path, content: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
