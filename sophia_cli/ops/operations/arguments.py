"""What the arguments of operations may be: the types that operations are written with."""

from __future__ import annotations

import ipaddress
import posixpath
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from sophia_cli.config.shapes import Shape


def _absolute(path: str) -> str:
    # normpath leaves two slashes at the beginning, which POSIX lets mean something else.
    plain = path.startswith("/") and not path.startswith("//") and path.isprintable()
    if not plain or posixpath.normpath(path) != path:
        raise ValueError("must be an absolute path")
    return path


def _text(value: object) -> object:
    """YAML reads `owner: 999` as a number; it is meant as the text that it was written as."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if plain else value


def _network(address: str) -> str:
    return plain_network(ipaddress.ip_network(address, strict=False))


AbsolutePath = Annotated[
    str, AfterValidator(_absolute), Shape("an absolute path without .., as /data/redis")
]
Mode = Annotated[
    str, Field(pattern=r"^[0-7]{3,4}$"), Shape('a mode in octal and in quotes, as "0640"')
]
Text = Annotated[str, BeforeValidator(_text), Shape("a text or a number")]
Owner = Annotated[
    Text,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$"),
    Shape("a name or a number of the host's"),
]
PackageName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$"), Shape("the name of a Debian package")
]
UnitName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9:_.@-]*\.(service|timer|socket|path|target|mount)$"),
    Shape("a unit's full name, as sophia.service"),
]
DockerName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{1,127}$"),
    Shape("a name of docker's: letters, digits, _, . and -"),
]
ImageReference = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})$"),
    Shape("an image with its tag or digest, as redis:7.4.2"),
]
MountText = Annotated[
    str,
    Field(pattern=r'^(/[^:,"\n]*|[A-Za-z0-9][A-Za-z0-9_.-]+):/[^:,"\n]+(:r[ow])?$'),
    Shape("SOURCE:TARGET or SOURCE:TARGET:ro, as /data/redis:/data"),
]
VariableName = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), Shape("the name of a variable")
]
LabelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$"), Shape("the name of a label")]
Word = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$"),
    Shape("a word of lower-case letters, digits, - and _"),
]
Network = Annotated[
    str,
    AfterValidator(_network),
    Shape("an IP address or a network, as 192.0.2.11 or 192.0.2.0/24"),
]
PortNumber = Annotated[int, Field(ge=1, le=65535), Shape("a port: 1 to 65535")]


def plain_network(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """A network as text; one of a single address as that address, as nft and people write it."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def whole_seconds(time: timedelta) -> int:
    """A time in whole seconds, rounded up: docker and systemd take no others."""
    return -int(-time.total_seconds() // 1)
