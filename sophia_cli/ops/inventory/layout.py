"""The inventory's keys, read off the model: where each stands and what it takes.

A place is a tuple of names, as `("hosts", "gpu-1", "address")`: the name of a host may hold dots.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sophia_cli.config.keys import Key, keys_of, sections_of
from sophia_cli.config.secrets import quoted
from sophia_cli.config.shapes import Section
from sophia_cli.ops.inventory.model import Host, Inventory, Role

Place = tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,63}")

HOST = "NAME"
"""What stands for a host's name in a key that every host has: `hosts.NAME.address`."""

# One host, so that the keys of a host can be read off it; none of its values is shown.
_HOST = Host(address="192.0.2.11", roles=(Role.QDRANT,))

SECTIONS: dict[str, Section] = {
    **{name: section for name, section in sections_of(Inventory()) if name},
    f"hosts.{HOST}": _HOST,
}
"""Every section by its dotted name, with its defaults."""

KEYS: dict[str, Key] = {
    key.name: key
    for key in (*keys_of(Inventory()), *keys_of(_HOST, f"hosts.{HOST}."))
    if key.name != "hosts"
}
"""Every key by its dotted name, in the model's order; those of a host below `hosts.NAME`."""


def dotted(place: Sequence[str]) -> str:
    """A place as it is shown: `hosts.gpu-1.address`."""
    return ".".join(part if _PLAIN.fullmatch(part) else quoted(part) for part in place)


def key_name(place: Place) -> str:
    """The name of the key in `KEYS`, or of the section in `SECTIONS`, that a place belongs to."""
    if place[:1] == ("hosts",) and len(place) > 1:
        place = ("hosts", HOST, *place[2:])
    return ".".join(place)
