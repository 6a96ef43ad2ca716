"""Reading one small regular file: the configuration, or a secret. It never blocks on a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sophia_cli.errors import ConfigurationError


def read_small_file(path: Path, limit: int, *, private: bool = False) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    With `private`, only its owner may have any right to it.

    Raises:
        ConfigurationError: it is missing, unreadable, something else than a file, or too large;
            or others than its owner may open it.
    """
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
                raise ConfigurationError(f"{path}: is {kind}")
            if private and stat.S_IMODE(status.st_mode) & 0o077:
                raise ConfigurationError(f"{path}: others may open it", f"chmod 600 {path}")
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file") from error
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigurationError(f"{path}: cannot be read: {reason}") from error
    except ValueError as error:  # a NUL, or a character that no file name can hold
        raise ConfigurationError(f"{str(path)!r}: is not a path") from error
    if len(content) > limit:
        raise ConfigurationError(f"{path}: is larger than {limit // 1024} KiB")
    return content
