"""The rails in front of deleting: which paths never go, whatever anybody says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sophia_cli.ops.facts.place import PlaceState

# Neither these, nor what they are in, nor what is in them.
_SYSTEM = (
    *("/bin", "/boot", "/dev", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin"),
    *("/sys", "/usr", "/etc/ssh", "/etc/systemd", "/root/.ssh", "/var/lib/apt", "/var/lib/dpkg"),
    *("/var/lib/systemd", "/var/lib/containerd", "/var/lib/docker"),
)
# Neither these nor what they are in; a directory in them may go.
_SHARED = (
    *("/etc", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var"),  # noqa: S108
    *("/var/cache", "/var/lib", "/var/log", "/var/spool", "/var/tmp"),  # noqa: S108
)
# Without these, nobody reaches the host any more, or it does not come up again.
_VITAL = re.compile(
    r"(ssh|sshd|dbus|dbus-broker|docker|containerd|networking|NetworkManager|nftables|ufw|cron"
    r"|netplan-.*|cloud-.*|systemd-.*|getty@.*|user@.*)\.[a-z]+"
)
_SIZES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def objection(path: str, place: PlaceState, allowed: Sequence[str]) -> str:
    """Why a path must not be deleted; empty if it may.

    Args:
        place: what stands there.
        allowed: the only places that may go.
    """
    if any(_within(path, each) or _within(each, path) for each in _SYSTEM):
        return f"{path} belongs to the system"
    if any(_within(each, path) for each in _SHARED) or path.count("/") < 2:
        return f"{path} belongs to the whole host"
    if path.startswith("/home/") and path.count("/") < 3:
        return f"{path} is somebody's home"
    if not any(_within(path, each) for each in allowed):
        return f"{path} is not on the list of what may go"
    if place.exists and place.real != path:
        return f"{path} is a link, or goes through one, to {place.real}"
    if place.mounts_below:
        return f"{', '.join(place.mounts_below)} is mounted below {path}"
    return ""


def unit_objection(name: str) -> str:
    """Why a unit must not be deleted; empty if it may."""
    return f"{name} belongs to the system" if _VITAL.fullmatch(name) else ""


def size_words(size: int | None) -> str:
    """A size in bytes as people read it: `1.2 GiB`."""
    if size is None:
        return "too large to be counted in time"
    value = float(size)
    for unit in _SIZES:
        if value < 1024 or unit == _SIZES[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")
