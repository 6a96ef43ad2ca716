"""The cluster's passwords and keys: one file each, made when it is first asked for."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

from pydantic import SecretStr

from sophia_cli.config.secrets import read_secret
from sophia_cli.errors import InvalidInput, NotFound
from sophia_cli.ops.private import (
    alone,
    check_directory,
    check_file,
    own_directory,
    sync,
    temporary,
)

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_PREVIOUS = ".previous"
# 256 bits, in 43 characters that need no quoting in a URL, a shell or YAML.
_BYTES = 32


class SecretStore:
    """Secrets in a directory of one's own, 0700, each in a file of its name, 0600.

    An operator may put a file there before it is asked for: it is taken as it is.

    Args:
        directory: made when the first secret is.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def value(self, name: str) -> SecretStr:
        """One secret; one that is missing is made, and two processes that make it agree.

        Args:
            name: up to 64 lower-case letters, digits and -, as `redis-password`.

        Raises:
            InvalidInput: it is no such name.
            Refused: its file or the directory is a link, somebody else's, or open to others.
            ConfigurationError: its file holds no secret.
        """
        path = self._path(name)
        own_directory(self.directory)
        with contextlib.suppress(FileNotFoundError):
            return _read(path)
        fresh = temporary(path, secrets.token_urlsafe(_BYTES).encode())
        try:
            # Unlike a rename it leaves the file of one who was faster, and then that one counts.
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink()
        sync(self.directory)
        return _read(path)

    def previous(self, name: str) -> SecretStr | None:
        """The value that a secret had before it was last rotated, if it was.

        Raises:
            InvalidInput, Refused, ConfigurationError: see `value`.
        """
        path = self._path(name).with_name(name + _PREVIOUS)
        try:
            check_directory(self.directory)
            return _read(path)
        except FileNotFoundError:
            return None

    def rotate(self, name: str) -> SecretStr:
        """Gives a secret a new value; the old one stays as the previous one.

        Whatever ends the process on the way, there is a value, and the old one is kept.

        Raises:
            NotFound: there is no such secret yet.
            InvalidInput, Refused, ConfigurationError: see `value`.
        """
        path = self._path(name)
        try:
            check_directory(self.directory)
            with alone(self.directory):
                old = _read(path).get_secret_value().encode()
                kept = temporary(path, old)
                kept.replace(path.with_name(name + _PREVIOUS))
                fresh = temporary(path, secrets.token_urlsafe(_BYTES).encode())
                fresh.replace(path)
                sync(self.directory)
                return _read(path)
        except FileNotFoundError:
            raise NotFound(
                f"there is no secret {name}", "a secret is made by the first deployment"
            ) from None

    def all(self) -> dict[str, SecretStr]:
        """Every secret by name, and each previous one as `NAME.previous`.

        Raises:
            Refused, ConfigurationError: see `value`.
        """
        try:
            check_directory(self.directory)
            names = sorted(path.name for path in self.directory.iterdir())
        except FileNotFoundError:
            return {}
        found = {}
        for name in names:
            if _NAME.fullmatch(name.removesuffix(_PREVIOUS)):
                found[name] = _read(self.directory / name)
        return found

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:60]!r} is no name of a secret",
                "up to 64 lower-case letters, digits and -: redis-password",
            )
        return self.directory / name


def _read(path: Path) -> SecretStr:
    check_file(path)
    return read_secret(path, f"secret {path.name}")
