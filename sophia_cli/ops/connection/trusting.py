"""Pinning host keys: the keys of several hosts looked at, judged, and pinned once agreed to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sophia_cli.errors import SophiaError
from sophia_cli.ops.connection.key_states import KeyState, SeenKey, seen
from sophia_cli.ops.connection.known_hosts import KnownHosts
from sophia_cli.ops.connection.link import Link
from sophia_cli.ops.connection.pool import on_hosts
from sophia_cli.ops.connection.target import Target
from sophia_cli.ops.errors import HostKeyRefused


class Verdict(StrEnum):
    """What is to be done, or was, with the key of a host."""

    TRUSTED = "trusted"
    PIN = "pinned"
    REPLACE = "replaced"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Judged:
    """One host, and what is to be done with its key.

    Attributes:
        seen: None where it could not be looked at.
        is_vouched_for: whether the key has the fingerprint that the user gave.
        error: why it is refused or unreachable.
    """

    target: Target
    verdict: Verdict
    seen: SeenKey | None = None
    is_vouched_for: bool = False
    error: SophiaError | None = None

    @property
    def is_to_be_pinned(self) -> bool:
        """Whether `pin` would change the file."""
        return self.verdict in (Verdict.PIN, Verdict.REPLACE)

    def pin(self) -> None:
        """Pins the key that was seen.

        Raises:
            Refused, ConfigurationError: see `KnownHosts.pin`.
        """
        if self.seen is not None and self.is_to_be_pinned:
            target = self.target
            KnownHosts(target.known_hosts_file).pin(
                target.address,
                target.port,
                self.seen.key,
                replace=self.verdict is Verdict.REPLACE,
            )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        found, error = self.seen, self.error
        return {
            "name": self.target.name,
            "address": self.target.address,
            "port": self.target.port,
            "state": self.verdict.value,
            "kind": found and found.key.kind,
            "fingerprint": found and found.key.fingerprint,
            "before": [key.fingerprint for key in found.pinned] if found else [],
            "error": error and {"code": error.code, "message": error.message, "hint": error.hint},
        }


def judged(
    targets: Sequence[Target],
    bastion: Link | None,
    fingerprints: Mapping[str, str],
    parallel: int,
    cancelled: threading.Event | None = None,
    *,
    replace: bool = False,
) -> list[Judged]:
    """Looks at the keys of hosts, at several at once, and says what is to be done with each.

    Args:
        fingerprints: by host, what the user knows its key's to be.
        replace: whether a key that has changed may take the place of the pinned one.
    """
    by_name = {target.name: target for target in targets}
    found = on_hosts(list(by_name), lambda name: seen(by_name[name], bastion), parallel, cancelled)
    return [
        _judged(each, fingerprints.get(name), replace=replace)
        if isinstance(each, SeenKey)
        else Judged(by_name[name], Verdict.UNREACHABLE, error=each)
        for name, each in found.items()
    ]


def _judged(found: SeenKey, expected: str | None, *, replace: bool) -> Judged:
    target, key = found.target, found.key
    if expected is not None and key.fingerprint != expected:
        return _refused(
            found,
            f"{target.place}: it shows {key.kind} {key.fingerprint}, which is not the fingerprint "
            "that you gave",
            "do not trust it before you know why: somebody may be in between",
        )
    if KnownHosts(target.known_hosts_file).is_revoked(target.address, target.port, key):
        return _refused(
            found,
            f"{target.place}: {target.known_hosts_file} revokes the key that it shows, "
            f"{key.fingerprint}",
            "a revoked key is never trusted: give the host a new one",
        )
    if found.state is KeyState.CHANGED and not replace:
        return _refused(
            found,
            f"{target.place}: its key has changed",
            "somebody may be in between. If it was installed anew, compare the fingerprint on its "
            f"console, then: sophia hosts trust {target.name} --replace",
        )
    verdict = {
        KeyState.TRUSTED: Verdict.TRUSTED,
        KeyState.UNKNOWN: Verdict.PIN,
        KeyState.CHANGED: Verdict.REPLACE,
    }[found.state]
    return Judged(target, verdict, found, is_vouched_for=expected is not None)


def _refused(found: SeenKey, message: str, hint: str) -> Judged:
    return Judged(found.target, Verdict.REFUSED, found, error=HostKeyRefused(message, hint))
