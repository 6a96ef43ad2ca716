"""Secrets: read from files when they are used, and masked wherever text may be shown."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr

from sophia_cli.config.files import read_small_file
from sophia_cli.errors import ConfigurationError

_LARGEST = 64 * 1024
_SHOWN = 60
# Greedy to the last @: a password with an unescaped / or @ is masked as a whole.
_USER_PASSWORD = re.compile(r"(://[^:]*):.*@", re.DOTALL)
_PARAMETER = re.compile(
    r"([?&][^=&#]*(?:password|passwd|secret|token|api_?key)[^=&#]*=)[^&#,]*", re.IGNORECASE
)


def read_secret(path: Path, key: str) -> SecretStr:
    """The secret in a file, less one newline at its end.

    Args:
        path: the file; at most 64 KiB of UTF-8, open to nobody but its owner.
        key: the configuration key that names the file, for the message.

    Raises:
        ConfigurationError: it cannot be used.
    """
    try:
        content = read_small_file(path, _LARGEST, private=True).decode()
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.message}", error.hint) from error.__cause__
    except UnicodeDecodeError as error:
        # Not `from error`: it carries the content.
        raise ConfigurationError(f"{key}: {path}: is not UTF-8 (byte {error.start})") from None
    secret = content.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ConfigurationError(f"{key}: {path}: is empty")
    return SecretStr(secret)


def mask(text: str) -> str:
    """`text` with `***` for a password in a URL: `postgresql://sophia:***@host/db`."""
    return _PARAMETER.sub(r"\1***", _USER_PASSWORD.sub(r"\1:***@", text))


def quoted(text: str) -> str:
    """`text` for a message: masked, on one line, at most 60 characters, in quotes."""
    masked = mask(text)
    return repr(masked if len(masked) <= _SHOWN else masked[: _SHOWN - 3] + "...")


def secret_in(path: Path | None, key: str) -> SecretStr | None:
    """The secret in the file that a key names, read now; None where it names none.

    Raises:
        ConfigurationError: see `read_secret`.
    """
    return None if path is None else read_secret(path, key)
