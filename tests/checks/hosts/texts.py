"""What a host prints that is as it should be, and a host that printed given texts.

Texts are parsed as those of a real host are; a fact that no text is known of fails.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from sophia_cli.checks.hosts.asked import ClockNow, MemoryNow, Reboot, Space, TimeSync
from sophia_cli.checks.hosts.asked_services import DeployLock, Gpu, Modes, Units
from sophia_cli.checks.hosts.containers import Containers
from sophia_cli.checks.hosts.expected import expected_of
from sophia_cli.checks.hosts.told import Told, facts_of
from sophia_cli.checks.scene import Scene
from sophia_cli.errors import SophiaError
from sophia_cli.ops.errors import SudoRefused
from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.facts.port import Port
from sophia_cli.ops.inventory.model import Host, Inventory
from sophia_cli.ops.operations.firewall import Firewall

Text = str | tuple[str, int]
"""What a fact's command prints; and how it ends, where not with 0."""
Change = Callable[[str], Text]
NOW = 1_795_460_000.0
GIB = 1 << 30
_IMAGES = {"qdrant": "image", "redis": "image", "postgres": "image"}


def told_of(
    inventory: Inventory,
    name: str,
    changes: Mapping[type | Fact[Any], Text | Change] | None = None,
    *,
    asked: float = NOW,
    took: float = 0.04,
    refused: SudoRefused | None = None,
) -> Told:
    """A host that printed what one that is well prints, but for `changes`.

    Args:
        changes: by fact, or by its kind: its text, or what makes it out of the usual one.
        asked: our clock when it was asked; `took` seconds later it had answered.
        refused: why it let us not be root.
    """
    host = inventory.hosts[name]
    values = {}
    for brief in facts_of(inventory, host, root=refused is None):
        text: Text = usual(inventory, name, host, brief.fact)
        change = (changes or {}).get(brief.fact, (changes or {}).get(type(brief.fact)))
        if change is not None:
            text = change(text) if callable(change) else change
        output, status = text if isinstance(text, tuple) else (text, 0)
        values[brief] = brief.parse(output, status)
    expected = expected_of(inventory, host)
    return Told(name, host, expected, Known(values), asked, asked + took, refused)


def give_told(scene: Scene, told: Mapping[str, Told | SophiaError]) -> None:
    """Has the checks of this scene look at these hosts, as if they had just told it."""
    pending: dict[str, Future[Told | SophiaError]] = {}
    for name, said in told.items():
        pending[name] = Future()
        pending[name].set_result(said)
    scene.shared["what hosts tell"] = pending


def usual(inventory: Inventory, name: str, host: Host, fact: Fact[Any]) -> str:
    """What a host that is well prints."""
    match fact:
        case ClockNow(at):
            return f"{NOW + (0.01 if at == 'before' else 0.03):.9f}\n"
        case MemoryNow():
            return f"MemTotal={16 << 20}\nMemAvailable={10 << 20}\n"
        case Reboot() | DeployLock():
            return ""
        case Space(paths):
            return "".join(f"{path}\t{space(400, 300)}\n" for path in paths)
        case Port(number):
            return listening(_address(inventory, host, number), number)
        case TimeSync():
            return "NTPSynchronized=yes\n"
        case Units(names):
            return "86400.50\n" + "\n".join(unit() for _ in names)
        case Modes(paths):
            return "".join(f"0600\troot\troot\t{path}\n" for path in paths)
        case FirewallTable(table):
            return _loaded(inventory, table)
        case Containers():
            return "".join(
                container(inventory, host, each) for each in expected_of(inventory, host).containers
            )
        case FileText():
            return base64.b64encode(certificate(365)).decode()
        case Gpu():
            return ""
    raise AssertionError(f"nobody told what {fact} prints")


def space(size: float, free: float, inodes: int = 1000, inodes_free: int = 900) -> str:
    """A line of `df`; GiB."""
    return f" {int(size * GIB)} {int(free * GIB)} {inodes} {inodes_free} /data"


def listening(address: str, number: int) -> str:
    """The kernel's line of a socket that waits for connections."""
    raw = ipaddress.ip_address(address).packed
    words = [raw[start : start + 4][::-1] for start in range(0, len(raw), 4)]
    hexadecimal = b"".join(words).hex().upper()
    zeros = "0" * len(hexadecimal)
    return f"   0: {hexadecimal}:{number:04X} {zeros}:0000 0A 00000000:00000000 00:00000000\n"


def unit(
    load: str = "loaded",
    active: str = "active",
    sub: str = "running",
    file: str = "enabled",
    restarts: int = 0,
    entered: float = 400.0,
) -> str:
    """A block of `systemctl show`; `entered` seconds after the boot."""
    return (
        f"MainPID=812\nNRestarts={restarts}\nLoadState={load}\nActiveState={active}\n"
        f"SubState={sub}\nUnitFileState={file}\n"
        f"ActiveEnterTimestampMonotonic={int(entered * 1e6)}\n"
    )


def container(inventory: Inventory, host: Host, name: str, **changes: Any) -> str:
    """A line of `docker inspect`, as these checks ask for it."""
    services = inventory.services
    service = getattr(services, name.removeprefix("sophia-"))
    directory = service.data_dir
    mounts = [("bind", f"{directory}", "/data")]
    if name == "sophia-qdrant":
        mounts = [
            ("bind", f"{directory}/storage", "/qdrant/storage"),
            ("bind", f"{directory}/snapshots", "/qdrant/snapshots"),
            (
                "bind",
                "/etc/sophia/qdrant/production.yaml",
                "/qdrant/config/production.yaml",
            ),
        ]
    image = services.qdrant.gpu_image if name == "sophia-qdrant" and host.gpu else service.image
    said = {
        "name": f"/{name}",
        "restarts": 0,
        "created": when(-86400),
        "mounts": [
            {"Type": kind, "Source": source, "Destination": target, "RW": True}
            for kind, source, target in changes.pop("mounts", mounts)
        ],
        "status": "running",
        "started": when(-86390),
        "exit": 0,
        "oom": False,
        "health": "healthy",
        "image": image,
    }
    return json.dumps({**said, **changes}) + "\n"


def when(seconds: float) -> str:
    """A time of docker's, so many seconds from now."""
    at = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


def certificate(days: float, begins: float = -30.0) -> bytes:
    """A certificate as PEM that ends so many days from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "db-1")])
    now = datetime.fromtimestamp(NOW, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def _address(inventory: Inventory, host: Host, number: int) -> str:
    services = inventory.services
    own = (services.prometheus.port, services.grafana.port)
    return "127.0.0.1" if number in own else host.reached_at


def _loaded(inventory: Inventory, table: str) -> str:
    """A table as nft lists it."""
    qdrant = inventory.services.qdrant
    ports = {
        "sophia_qdrant_p2p": (qdrant.p2p_port,),
        "sophia_qdrant": (qdrant.http_port, qdrant.grpc_port),
        "sophia_redis": (inventory.services.redis.port,),
        "sophia_postgres": (inventory.services.postgres.port,),
    }[table]
    rules = Firewall(name="x", ports=ports, allow=("192.0.2.11",))._lines("sophia 0123")
    lines = [
        line.replace(f"{{ {ports[0]} }}", str(ports[0])) if len(ports) == 1 else line
        for line in rules
    ]
    body = "\n".join(f"\t\t{line}" for line in lines)
    hook = "type filter hook input priority filter; policy accept;"
    return f"table inet {table} {{\n\tchain input {{\n\t\t{hook}\n{body}\n\t}}\n}}\n"


def lock(age: int, purpose: str = "deploy") -> str:
    """What a deployment's lease prints."""
    said = {"id": "1", "owner": "ana@laptop", "purpose": purpose, "since": "2026-11-23T19:00:00"}
    return f"{age}\n{json.dumps(said)}\n"
