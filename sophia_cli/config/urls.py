"""The form of the URLs that name a tier. Nothing here looks a name up or connects."""

from __future__ import annotations

import re

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_ENCODE = "in a password write @ as %40, / as %2F, : as %3A, ? as %3F and # as %23"


def check_url(url: str, schemes: tuple[str, ...]) -> str:
    """Returns `url` if it is written as one of `schemes` is.

    `postgresql` may name several hosts with commas, as libpq does, or none; `unix` names an
    absolute path; every other scheme names one host.

    Raises:
        ValueError: it is not; the message never repeats the URL, which may hold a password.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in schemes:
        raise ValueError("must start with " + " or ".join(f"{known}://" for known in schemes))
    if " " in url or not url.isprintable():
        raise ValueError("holds a space or a control character")
    if scheme == "unix":
        if not rest.rpartition("@")[2].startswith("/"):
            raise ValueError("must name an absolute path, as unix:///run/valkey.sock")
        return url
    user, _, hosts = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    if "@" in user:
        raise ValueError(f"has two @ before its host; {_ENCODE}")
    several = scheme.startswith("postgres")
    for host in hosts.split(",") if several else [hosts]:
        _check_host(host, may_be_empty=several)
    return url


def check_address(address: str) -> str:
    """Returns `address` if it is a host and a port, as `127.0.0.1:8420` and `[::1]:8420` are.

    Raises:
        ValueError: it is not.
    """
    parts = _HOST.fullmatch(address)
    plain = address.isprintable() and not {" ", "/"} & set(address)
    if parts is None or not parts[1] or parts[2] is None or not plain:
        raise ValueError("must be a host and a port, as 127.0.0.1:8420")
    if not 1 <= int(parts[2]) <= 65535:
        raise ValueError("has a port that is not between 1 and 65535")
    return address


def _check_host(host: str, may_be_empty: bool) -> None:
    parts = _HOST.fullmatch(host)
    if parts is None or "," in host:
        raise ValueError(f"has a host or a port that is none; {_ENCODE}")
    if not parts[1] and not may_be_empty:
        raise ValueError("names no host")
    if parts[2] is not None and not 1 <= int(parts[2]) <= 65535:
        raise ValueError("has a port that is not between 1 and 65535")
