"""Where playbooks and templates are read from, and what was read: a release keeps just that."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import sophia_cli
from sophia_cli.config.files import read_small_file
from sophia_cli.errors import ConfigurationError

_PACKAGE = Path(sophia_cli.__file__).parent
_LARGEST = 256 * 1024


def _shipped(name: str) -> Path:
    """A folder of the installed package, or of the repository."""
    return next(
        (path for place in (_PACKAGE, _PACKAGE.parent) if (path := place / name).is_dir()),
        _PACKAGE / name,
    )


@dataclass(slots=True)
class Sources:
    """Folders with playbooks and with templates; a file in an earlier one hides a later one's.

    Attributes:
        read: each text that was read, by its name in a release: `2-memory.yaml`,
            `redis/redis.conf`.
    """

    playbooks: Sequence[Path]
    templates: Sequence[Path]
    read: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, own: Path | None) -> Sources:
        """sophia's own, behind those of a folder of the operator's."""
        mine = [own] if own is not None else []
        return cls([*mine, _shipped("playbooks")], [*mine, _shipped("configs")])

    def everything(self) -> dict[str, str]:
        """Every playbook and template that may be used, by its name in a release.

        A template is in a folder of its service: what lies beside those folders is none.
        """
        self.playbook_files()
        for folder in self.templates:
            for path in sorted(folder.glob("[!.]*/**/*")):
                if path.is_file():
                    # What is no text is no template either.
                    with contextlib.suppress(ConfigurationError):
                        self.template(path.relative_to(folder).as_posix())
        return self.read

    @classmethod
    def of_release(cls, folder: Path) -> Sources:
        """Those that a release kept."""
        return cls([folder], [folder])

    def playbook_files(self) -> dict[str, tuple[Path, str]]:
        """Every playbook by file name: its path and its text.

        Raises:
            ConfigurationError: a folder of the operator's is none, or a file cannot be read.
        """
        found: dict[str, tuple[Path, str]] = {}
        for folder in self.playbooks:
            if not folder.is_dir():
                raise ConfigurationError(f"cluster.playbooks_dir: {folder}: is no directory")
            for path in sorted(folder.glob("*.y*ml")):
                if path.name not in found:
                    text = _text(path)
                    found[path.name] = (path, text)
                    self.read[path.name] = text
        return found

    def template(self, name: str) -> str:
        """A template's text.

        Raises:
            ConfigurationError: there is none of that name, or the name leads elsewhere.
        """
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise ConfigurationError(f"template {name}: must name a file below the templates")
        for folder in self.templates:
            path = folder / parts
            if path.is_file():
                text = _text(path)
                self.read[name] = text
                return text
        raise ConfigurationError(
            f"template {name}: there is none",
            f"looked in {', '.join(map(str, self.templates))}",
        )


def _text(path: Path) -> str:
    try:
        return read_small_file(path, _LARGEST).decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: is not UTF-8") from None
