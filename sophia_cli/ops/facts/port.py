"""Who listens on a TCP port."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_LISTENS = "0A"
"""The kernel's number for a socket that waits for connections (include/net/tcp_states.h)."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that waits for connections.

    Attributes:
        address: an IP address; `0.0.0.0` or `::` for all.
        process: the name of a process that has it; empty where it cannot be told.
        pid: of that process; 0 where it cannot be told.
    """

    address: str
    process: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Port:
    """Those that listen on a TCP port, by address."""

    number: int

    @property
    def command(self) -> str:
        """Prints the kernel's lines, then those of `ss`, which knows processes, where it is."""
        kernel = rf"grep -hE '^ *[0-9]+: [0-9A-F]+:{self.number:04X} [0-9A-F:]+ {_LISTENS} '"
        return (
            f"{kernel} /proc/net/tcp /proc/net/tcp6; ss -H -l -t -n -p 'sport = :{self.number}'; "
            "true"
        )

    def parse(self, output: str, exit_status: int) -> tuple[Listener, ...]:
        """The listeners; empty where nobody listens."""
        if exit_status == 124:
            raise ValueError("the host does not say in time who listens")
        processes = {}
        addresses = []
        for line in output.splitlines():
            if found := re.match(r" *\d+: ([0-9A-F]+):", line):
                addresses.append(_address(found[1]))
            elif found := re.search(r'\s(\S+):\d+\s+\S+\s+users:\(\("([^"]*)",pid=(\d+)', line):
                processes[_plain(found[1])] = (found[2], int(found[3]))
        return tuple(
            Listener(address, *processes.get(address, ())) for address in sorted(set(addresses))
        )


def _address(hexadecimal: str) -> str:
    """The kernel prints each four bytes as one number; the machines of ours are little-endian."""
    raw = bytes.fromhex(hexadecimal)
    words = [raw[start : start + 4][::-1] for start in range(0, len(raw), 4)]
    return str(ipaddress.ip_address(b"".join(words)))


def _plain(address: str) -> str:
    """An address as `ss` writes it: `[::1]`, `*`, `127.0.0.53%lo`."""
    bare = address.strip("[]").partition("%")[0]
    return "::" if bare == "*" else bare
