"""Whether the key that a host shows is the one that is pinned for it, found without a login."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.ops.connection.host_keys import fetch
from sophia_cli.ops.connection.known_hosts import HostKey, KnownHosts
from sophia_cli.ops.connection.link import Link
from sophia_cli.ops.connection.target import Target
from sophia_cli.ops.errors import HostUnreachable


class KeyState(StrEnum):
    """What the file of known hosts says of a key."""

    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class SeenKey:
    """The key that a host shows.

    Attributes:
        pinned: those that are pinned for it.
    """

    target: Target
    key: HostKey
    pinned: tuple[HostKey, ...]

    @property
    def state(self) -> KeyState:
        """Trusted if it is pinned; changed if only others are, of whatever kind."""
        if self.key in self.pinned:
            return KeyState.TRUSTED
        return KeyState.CHANGED if self.pinned else KeyState.UNKNOWN


def seen(target: Target, bastion: Link | None = None) -> SeenKey:
    """Looks at the key that a host shows now.

    Args:
        bastion: the host that it is reached through; its own key is verified.

    Raises:
        HostUnreachable: it does not answer, or the bastion does not.
        HostKeyRefused: the bastion's key is not pinned.
        ConfigurationError: the file of known hosts cannot be read.
    """
    pinned = KnownHosts(target.known_hosts_file).keys_for(target.address, target.port)
    seconds = target.connect_timeout
    try:
        sock = None if bastion is None else bastion.tcp(target.address, target.port, seconds)
        kinds = [key.kind for key in pinned]
        key = fetch(target.address, target.port, seconds, sock, kinds=kinds)
    except Unreachable as error:
        raise HostUnreachable(_named(target, error), error.hint) from error
    except SophiaError as error:
        raise type(error)(_named(target, error), error.hint) from error
    return SeenKey(target, key, pinned)


def _named(target: Target, error: SophiaError) -> str:
    """An error's message with the host that it is about."""
    said = error.message.removeprefix(f"{target.address}:{target.port}: ")
    return f"{target.place}: {said}"
