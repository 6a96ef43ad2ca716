"""Ports that only certain hosts reach: a table of nftables of our own, loaded at every start."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from sophia_cli.config.shapes import Shape
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.operations.arguments import Network, PortNumber, Word, plain_network
from sophia_cli.ops.operations.directory import Directory
from sophia_cli.ops.operations.file import File
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Run
from sophia_cli.ops.operations.systemd_unit import SystemdUnit

_DIRECTORY = "/etc/sophia/firewall"
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """Who reaches some TCP ports of the host's own: the host itself, and `allow`; nobody else.

    It holds for what listens on the host, not for ports that docker publishes: those do not pass
    the host's input.

    Attributes:
        name: of the table, behind `sophia_`.
        allow: addresses and networks, IPv4 and IPv6.
    """

    name: Word
    ports: Annotated[tuple[PortNumber, ...], Field(min_length=1), Shape("a list of ports")]
    allow: tuple[Network, ...] = ()

    @property
    def title(self) -> str:
        """`firewall qdrant`."""
        return f"firewall {self.name}"

    def needs(self) -> Sequence[Fact[Any]]:
        """The table that works now, and what is kept for the next start."""
        kept = [fact for each in (*self._files, self._unit) for fact in each.needs()]
        return (FirewallTable(self._table), *kept)

    def compare(self, known: Known) -> Change | Nothing:
        """Loads the table, and keeps it for the next start."""
        changes = [each.compare(known) for each in (*self._files, self._unit)]
        kept = [each for each in changes if isinstance(each, Change)]
        works = self._stands_in(known[FirewallTable(self._table)] or "")
        if works and not kept:
            return Nothing("is as it should be")
        actions: list[Action] = [Run(self._checked())]
        for each in kept:
            actions.extend(each.actions)
        if not isinstance(changes[-1], Change):
            restart = f"systemctl restart {self._unit.name}"
            actions.append(Run(Command(restart, timeout=_TIMEOUT)))
        ports = ", ".join(map(str, sorted(set(self.ports))))
        to = ", ".join(self.allow) or "nobody but the host itself"
        why = "" if not works else " (it is not kept as it should be)"
        diff = "\n".join(each.diff for each in kept if each.diff)
        return Change(f"open ports {ports} to {to} alone{why}", tuple(actions), diff)

    def _stands_in(self, table: str) -> bool:
        """Whether a table, as nft writes it, is this one, with none of its rules taken out."""
        rules = re.findall(r"^\s*(?:iifname|ip saddr|ip6 saddr|tcp dport) ", table, re.MULTILINE)
        return self._digest in table and len(rules) == len(list(self._lines()))

    @property
    def _table(self) -> str:
        return f"sophia_{self.name.replace('-', '_')}"

    @property
    def _files(self) -> tuple[Directory, File]:
        return Directory(path=_DIRECTORY), File(path=self._path, content=self._rules.encode())

    @property
    def _path(self) -> str:
        return f"{_DIRECTORY}/{self.name}.nft"

    @property
    def _unit(self) -> SystemdUnit:
        return SystemdUnit(
            name=f"sophia-firewall-{self.name}.service",
            content=_UNIT.format(name=self.name, path=self._path, table=self._table),
            restart_token=self._digest,
            stable_for=timedelta(seconds=1),
        )

    @property
    def _digest(self) -> str:
        return hashlib.sha256("\n".join(self._lines()).encode()).hexdigest()[:32]

    @property
    def _rules(self) -> str:
        """Declared, deleted and made: whatever table of the name was there, all in one step."""
        lines = "\n".join(f"        {line}" for line in self._lines(f"sophia {self._digest}"))
        return f"""# Written by sophia deploy.
table inet {self._table}
delete table inet {self._table}
table inet {self._table} {{
    chain input {{
        type filter hook input priority filter; policy accept;
{lines}
    }}
}}
"""

    def _lines(self, comment: str = "") -> Iterator[str]:
        ports = ", ".join(map(str, sorted(set(self.ports))))
        match = f"tcp dport {{ {ports} }}"
        yield f'iifname "lo" {match} accept'
        networks = list(map(ipaddress.ip_network, self.allow))
        four = [each for each in networks if isinstance(each, ipaddress.IPv4Network)]
        six = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]
        for word, own in (
            ("ip", map(plain_network, ipaddress.collapse_addresses(four))),
            ("ip6", map(plain_network, ipaddress.collapse_addresses(six))),
        ):
            if addresses := ", ".join(own):
                yield f"{word} saddr {{ {addresses} }} {match} accept"
        yield f'{match} drop comment "{comment}"' if comment else f"{match} drop"

    def _checked(self) -> Command:
        """Nothing is changed if the host cannot do it or does not take the rules."""
        missing = "nftables is not installed: name it in the packages"
        return Command(
            f"command -v nft >/dev/null || {{ echo '{missing}' >&2; exit 1; }}; nft -c -f -",
            self._rules.encode(),
            timeout=_TIMEOUT,
        )


# After nftables.service, which empties everything first, and again whenever that starts anew.
_UNIT = """\
[Unit]
Description=Who reaches the ports of {name} (sophia)
DefaultDependencies=no
After=local-fs.target nftables.service
PartOf=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {path}
ExecStop=-/usr/sbin/nft delete table inet {table}

[Install]
WantedBy=sysinit.target
"""
