"""Whether hosts are reached, are who they should be, and let us do what a deployment does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, skipped, unknown
from sophia_cli.checks.hosts.told import NO_HOSTS, Told, all_told
from sophia_cli.errors import ConfigurationError, SophiaError
from sophia_cli.ops.connection.known_hosts import KnownHosts
from sophia_cli.ops.connection.target import target_of
from sophia_cli.ops.errors import HostKeyRefused

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene


def _each(scene: Scene) -> Iterator[tuple[str, Told | SophiaError]]:
    return all_told(scene) if scene.inventory is not None else iter(())


def _reached(scene: Scene) -> Iterator[Finding]:
    if scene.inventory is None:
        yield skipped(NO_HOSTS)
    for name, said in _each(scene):
        if isinstance(said, HostKeyRefused):
            yield passed("it answers; whether it is the right one, HO-02 says", name)
        elif isinstance(said, ConfigurationError):
            yield unknown(_about(name, said), name)
        elif isinstance(said, SophiaError):
            yield failed(_about(name, said), name, command=said.hint)
        else:
            yield passed(f"logged in at {said.host.address}", name)


def _key(scene: Scene) -> Iterator[Finding]:
    if scene.inventory is None:
        yield skipped(NO_HOSTS)
    for name, said in _each(scene):
        if isinstance(said, HostKeyRefused):
            yield failed(_about(name, said), name, command=said.hint)
        elif isinstance(said, SophiaError):
            yield unknown(_about(name, said), name)
        else:
            yield _pinned(scene, said)


def _pinned(scene: Scene, said: Told) -> Finding:
    """We were let in, so the key is a pinned one; which, is said."""
    read = scene.inventory
    assert read is not None  # noqa: S101  (it told us, so there is one)
    target = target_of(read.inventory, said.name)
    keys = KnownHosts(target.known_hosts_file).keys_for(target.address, target.port)
    shown = tuple(f"{target.known_hosts_file}: {key.kind} {key.fingerprint}" for key in keys)
    return passed("its key is a pinned one", said.name, *shown)


def _sudo(scene: Scene) -> Iterator[Finding]:
    if scene.inventory is None:
        yield skipped(NO_HOSTS)
    for name, said in _each(scene):
        if isinstance(said, SophiaError):
            yield unknown(_about(name, said), name)
        elif said.refused is not None:
            yield failed(_about(name, said.refused), name, command=said.refused.hint)
        else:
            yield passed("we may be root there", name)


def _about(name: str, error: SophiaError) -> str:
    return error.message.removeprefix(f"{name}: ")


CHECKS: tuple[Check, ...] = (
    Check(
        "HO-01",
        "Every host is reached",
        Severity.CRITICAL,
        "Logs in on each host over SSH. A host that takes the connection and then says nothing is "
        "frozen: it is given up after a few seconds, and the others are looked at all the same.",
        "see whether the host is up, and who may reach its SSH port; `sophia hosts` shows it",
        _reached,
        timeout=11.0,
    ),
    Check(
        "HO-02",
        "Every host shows the key that is pinned",
        Severity.CRITICAL,
        "Compares the key that a host shows with the pinned ones, before anything is told to it. "
        "Another key is a host that was set up anew, or somebody in between.",
        "ask who set the host up anew; only then `sophia hosts trust HOST --replace`",
        _key,
        timeout=11.0,
    ),
    Check(
        "HO-03",
        "sudo works on every host",
        Severity.SERIOUS,
        "Runs the questions of these checks as root, as a deployment does. Without it nothing can "
        "be deployed or repaired, and much cannot be looked at.",
        "let the user use sudo without a password, or name ssh.sudo_password_file",
        _sudo,
        timeout=11.0,
    ),
)
