"""Whether a host is the one we know: its key is compared with those that are pinned for it.

Nothing switches this off. A key that is not pinned ends the connection before we log in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import paramiko

from sophia_cli.ops.connection.known_hosts import HostKey, KnownHosts
from sophia_cli.ops.connection.target import Target
from sophia_cli.ops.errors import HostKeyRefused

# A key of kind ssh-rsa signs by these: RFC 8332.
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class UnknownKey(paramiko.SSHException):  # type: ignore[misc]
    """No key at all is pinned for the host. `shown` is the one that it has."""

    def __init__(self, shown: paramiko.PKey) -> None:
        super().__init__("the host's key is not pinned")
        self.shown = shown


class _Reject(paramiko.RejectPolicy):  # type: ignore[misc]
    def missing_host_key(self, *given: Any) -> NoReturn:
        raise UnknownKey(given[-1])


def pinned_for(target: Target) -> tuple[HostKey, ...]:
    """The keys that the host may show.

    Raises:
        ConfigurationError: the file of known hosts cannot be read.
    """
    return KnownHosts(target.known_hosts_file).keys_for(target.address, target.port)


def insist(client: paramiko.SSHClient, target: Target, pinned: Sequence[HostKey]) -> None:
    """Makes a client take these keys for the host and no other.

    Fabric's client trusts every new key as it comes, so this is done right after it was made.
    """
    client.set_missing_host_key_policy(_Reject())
    keys = client.get_host_keys()
    keys.clear()
    # By this name paramiko looks them up, for the host's name that it was given.
    name = target.name if target.port == 22 else f"[{target.name}]:{target.port}"
    for key in pinned:
        try:
            loaded = paramiko.PKey.from_type_string(key.kind, key.data)
        except (paramiko.UnknownKeyType, paramiko.SSHException, ValueError):
            continue  # of a kind that paramiko does not speak, so the host cannot show it either
        keys.add(name, key.kind, loaded)


def prefer(transport: paramiko.Transport, pinned: Sequence[HostKey]) -> None:
    """Asks for the kinds that are pinned first: a host with several keys shows the first of them.

    Otherwise a host that has more keys than are pinned would look like a changed one.
    """
    options = transport.get_security_options()
    known = tuple(options.key_types)
    named = [name for key in pinned for name in (_RSA if key.kind == "ssh-rsa" else (key.kind,))]
    first = tuple(name for name in dict.fromkeys(named) if name in known)
    options.key_types = first + tuple(name for name in known if name not in first)


def refused(target: Target, error: paramiko.SSHException) -> HostKeyRefused:
    """What to tell people of a key that is unknown or another one."""
    if isinstance(error, UnknownKey):
        return HostKeyRefused(
            f"{target.place}: its key is not pinned in {target.known_hosts_file}: "
            f"{error.shown.get_name()} {error.shown.fingerprint}",
            f"`sophia hosts trust {target.name}` shows and pins it",
        )
    assert isinstance(error, paramiko.BadHostKeyException)  # noqa: S101  (there are these two)
    shown, expected = error.key, error.expected_key
    return HostKeyRefused(
        f"{target.place}: its key is another than the pinned one: it shows "
        f"{shown.get_name()} {shown.fingerprint}, pinned in {target.known_hosts_file} is "
        f"{expected.get_name()} {expected.fingerprint}. Somebody may be in between, or the host "
        "was installed anew",
        f"ask who runs it; `sophia hosts trust {target.name} --replace` pins the new one",
    )
