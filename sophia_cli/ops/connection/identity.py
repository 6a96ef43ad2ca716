"""The keys that we log in with: the file that the inventory names, or the agent's and usual ones.

No other file says anything about them: `~/.ssh/config` is not read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.auth_strategy import AuthStrategy, InMemoryPrivateKey

from sophia_cli.config.files import read_small_file
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.connection.target import Target

_USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
_LARGEST = 64 * 1024


class Encrypted(Exception):
    """The key wants a passphrase."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to a host.

    Attributes:
        keys: paramiko's PKeys, in the order they are offered.
        words: what they are, for a message.
        agent: what the agent's keys are signed through, if any is of it.
    """

    keys: tuple[Any, ...]
    words: str
    agent: paramiko.Agent | None = None

    def strategy(self, user: str) -> AuthStrategy:
        """What paramiko is to try: these keys and nothing that would ask at the terminal."""
        return _Keys(user, self.keys)

    def close(self) -> None:
        """Lets go of the agent."""
        if self.agent is not None:
            self.agent.close()


class _Keys(AuthStrategy):  # type: ignore[misc]
    def __init__(self, user: str, keys: tuple[Any, ...]) -> None:
        super().__init__(ssh_config=None)
        self._user = user
        self._keys = keys

    def get_sources(self) -> Any:
        for key in self._keys:
            yield InMemoryPrivateKey(self._user, key)


def identity_of(target: Target, home: Path | None = None) -> Identity:
    """The keys for a host.

    Args:
        home: the user's; by default this process's.

    Raises:
        ConfigurationError: the file that the inventory names is missing, open to others, no key,
            or encrypted while the agent does not have it.
    """
    if target.key_file is not None:
        return _named(target.key_file)
    agent = _agent()
    keys = [] if agent is None else list(agent.get_keys())
    words = [f"the SSH agent's ({len(keys)})"] if keys else []
    for name in _USUAL:
        path = (home or Path.home()) / ".ssh" / name
        # One of these that cannot be used is passed over: nobody asked for it.
        with contextlib.suppress(ConfigurationError, Encrypted):
            keys.append(load(path))
            words.append(str(path))
    return Identity(tuple(keys), " and ".join(words), agent)


def load(path: Path) -> Any:
    """A private key, with its certificate where there is one beside it.

    Raises:
        ConfigurationError: it is missing, open to others, or no key.
        Encrypted: it wants a passphrase.
    """
    try:
        read_small_file(path, _LARGEST, private=True)
    except ConfigurationError as error:
        hint = error.hint or "ssh.key_file names the private key; `ssh-keygen -t ed25519` makes one"
        raise ConfigurationError(f"key file {error.message}", hint) from error
    try:
        return paramiko.PKey.from_path(path)
    except (paramiko.PasswordRequiredException, TypeError) as error:
        raise Encrypted from error
    except (ValueError, paramiko.SSHException, paramiko.UnknownKeyType, UnsupportedAlgorithm):
        # Not `from error`: it may quote the file.
        raise ConfigurationError(
            f"key file {path}: is no private key that can be used",
            "ssh.key_file names the private key, not the public one beside it",
        ) from None


def _named(path: Path) -> Identity:
    try:
        return Identity((load(path),), f"the key {path}")
    except Encrypted:
        agent = _agent()
        wanted = _public(path)
        if agent is not None:
            for key in agent.get_keys():
                if wanted is not None and key.blob == wanted:
                    return Identity((key,), f"the key {path}, by the SSH agent", agent)
            agent.close()
        raise ConfigurationError(
            f"key file {path}: is encrypted, and no SSH agent has it",
            f"ssh-add {path}; {path}.pub must be beside it",
        ) from None


def _agent() -> paramiko.Agent | None:
    try:
        return paramiko.Agent()
    except (paramiko.SSHException, OSError, EOFError):
        return None


def _public(path: Path) -> bytes | None:
    """The public key beside a private one, as it goes over the wire."""
    try:
        text = read_small_file(path.with_name(f"{path.name}.pub"), _LARGEST).decode()
        return base64.b64decode(text.split()[1])
    except (ConfigurationError, UnicodeDecodeError, IndexError, binascii.Error):
        return None
