"""Faults of the hosts themselves: reached, clock, disk, ports, files."""

from __future__ import annotations

from sophia_cli.checks.hosts.asked import ClockNow, MemoryNow, Reboot, Space, TimeSync
from sophia_cli.checks.hosts.asked_services import DeployLock, Modes
from sophia_cli.ops.errors import HostKeyRefused, HostUnreachable, SudoRefused
from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.facts.port import Port
from sophia_cli.ops.qdrant.asks import Silence
from tests.checks.faults import FAIL, GONE, UNKNOWN, WARN, Alarms, fault
from tests.checks.hosts.texts import NOW, certificate, listening, lock, space
from tests.checks.world import World

EVERYWHERE = "0.0.0.0"  # noqa: S104  (a text)
HOSTS_SILENT: Alarms = {f"HO-{number:02}": UNKNOWN for number in range(2, 19) if number != 17}


@fault(
    "a host is frozen",
    HOSTS_SILENT | GONE | {"HO-01": FAIL, "QD-30": UNKNOWN, "QD-36": UNKNOWN},
    "takes connections and does not answer with a greeting",
)
def _(world: World) -> None:
    silent = "takes connections and does not answer with a greeting within 5 s"
    world.unreached["node2"] = HostUnreachable(f"node2: {silent}", "look at its console")
    world.is_silent("node2", Silence(f"node2: {silent}"))


@fault(
    "this machine does not come to a host, all others do",
    HOSTS_SILENT | {"HO-01": FAIL, "QD-01": UNKNOWN, "QD-30": UNKNOWN, "QD-36": UNKNOWN},
    "its host is not reached; others reach it",
)
def _(world: World) -> None:
    world.unreached["node2"] = HostUnreachable("node2: no route to host", "")
    for other in ("node1", "node3"):
        world.says(other, "/cluster/telemetry", lambda _: None)
    world.is_silent("node2", Silence("node2: no route to host"))


@fault(
    "a host's key has changed",
    HOSTS_SILENT | {"HO-02": FAIL, "HO-17": UNKNOWN},
    "its key is another than the pinned one",
)
def _(world: World) -> None:
    refused = HostKeyRefused("node4: its key is another than the pinned one", "")
    world.unreached["node4"] = refused


@fault(
    "sudo is refused",
    {
        "HO-03": FAIL,
        **dict.fromkeys(("HO-09", "HO-10", "HO-15", "HO-16", "HO-18"), UNKNOWN),
        "HO-14": WARN,
        "QD-36": UNKNOWN,
    },
    "sudo wants a password",
)
def _(world: World) -> None:
    refused = SudoRefused("node1: sudo wants a password", "name ssh.sudo_password_file")
    world.told["node1"] = {"refused": refused}
    world.prints("node1", Port(6333), listening(EVERYWHERE, 6333))


@fault("a clock is ahead", {"HO-04": FAIL}, "90.0 s ahead of this machine")
def _(world: World) -> None:
    world.prints("node2", ClockNow("before"), str(NOW + 90.01))
    world.prints("node2", ClockNow("after"), str(NOW + 90.03))


@fault("a clock is a little behind", {"HO-04": WARN}, "2.0 s behind this machine")
def _(world: World) -> None:
    world.prints("node2", ClockNow("before"), str(NOW - 1.99))
    world.prints("node2", ClockNow("after"), str(NOW - 1.97))


@fault("a slow host whose clock is right", {})
def _(world: World) -> None:
    world.told["node2"] = {"took": 8.0}
    world.prints("node2", ClockNow("before"), str(NOW + 7.0))
    world.prints("node2", ClockNow("after"), str(NOW + 7.1))


@fault("nobody keeps a clock right", {"HO-05": WARN}, "no time server keeps the clock right")
def _(world: World) -> None:
    world.prints("node3", TimeSync, "NTPSynchronized=no\n")


@fault(
    "a peer's disk is full",
    {"HO-06": FAIL, "QD-30": FAIL},
    "/data/qdrant of Qdrant: 1% free",
)
def _(world: World) -> None:
    world.prints("node3", Space, f"/data/qdrant\t{space(100, 1)}\n")


@fault("a peer's disk fills", {"QD-30": WARN}, "15% free")
def _(world: World) -> None:
    world.prints("node3", Space, f"/data/qdrant\t{space(100, 15)}\n")


@fault("a disk has no inodes left", {"HO-06": FAIL, "QD-30": FAIL}, "0% free")
def _(world: World) -> None:
    world.prints("node1", Space, f"/data/qdrant\t{space(100, 90, 1000, 4)}\n")


@fault(
    "a file system does not answer",
    {"HO-06": FAIL, "QD-30": UNKNOWN},
    "its file system does not answer",
)
def _(world: World) -> None:
    world.prints("node1", Space, "/data/qdrant\t\n")


@fault("a host has no memory left", {"HO-07": FAIL}, "2% available")
def _(world: World) -> None:
    world.prints("node4", MemoryNow, "MemTotal=1000\nMemAvailable=20\n")


@fault("a reboot waits", {"HO-08": WARN}, "linux-image-6.1 wants one")
def _(world: World) -> None:
    world.prints("node4", Reboot, "wanted\nlinux-image-6.1\n")


@fault("nobody listens", {"HO-13": FAIL}, "sophia, port 8420: nobody listens")
def _(world: World) -> None:
    world.prints("node4", Port(8420), "")


@fault(
    "a service listens at the wrong address",
    {"HO-13": FAIL},
    "Redis, port 6379: at 127.0.0.1, not at 192.0.2.14",
)
def _(world: World) -> None:
    world.prints("node4", Port(6379), listening("127.0.0.1", 6379))


@fault(
    "Grafana is open to the world",
    {"HO-14": FAIL},
    "Grafana takes connections on port 3000 of every address",
)
def _(world: World) -> None:
    world.prints("node4", Port(3000), listening(EVERYWHERE, 3000))


@fault(
    "Redis is open, but for the firewall", {"HO-14": WARN}, "of every address; the firewall keeps"
)
def _(world: World) -> None:
    world.prints("node4", Port(6379), listening("::", 6379))


@fault(
    "the firewall of the peers' port is gone",
    {"HO-15": FAIL, "QD-33": FAIL},
    "its port 6335 is open to this machine and node4",
)
def _(world: World) -> None:
    world.prints("node1", FirewallTable("sophia_qdrant_p2p"), "")
    world.opened.add("node1")


@fault("a rule was taken out of the firewall", {"HO-15": FAIL}, "drops nothing")
def _(world: World) -> None:
    world.prints(
        "node4",
        FirewallTable("sophia_redis"),
        lambda usual: "\n".join(line for line in usual.splitlines() if " drop " not in line),
    )


@fault("a secret on a host is world-readable", {"HO-16": FAIL}, "others may use /etc/sophia/vec")
def _(world: World) -> None:
    path = "/etc/sophia/vectors.key"
    world.prints(
        "node4",
        Modes,
        lambda usual: usual.replace(f"0600\troot\troot\t{path}", f"0644\troot\troot\t{path}"),
    )


@fault("a certificate ends soon", {"HO-17": WARN}, "PostgreSQL's ends in 9 days")
def _(world: World) -> None:
    world.prints("node4", FileText, _base64(certificate(9.1)))


@fault("a certificate has ended", {"HO-17": FAIL}, "PostgreSQL's ended 2 days ago")
def _(world: World) -> None:
    world.prints("node4", FileText, _base64(certificate(-2)))


@fault("a certificate is none", {"HO-17": FAIL}, "holds no certificate")
def _(world: World) -> None:
    world.prints("node4", FileText, _base64(b"not a certificate"))


@fault(
    "a deployment was left halfway",
    {"HO-18": WARN},
    "ana@laptop (deploy) began to change it and has been silent for 7,200 s",
)
def _(world: World) -> None:
    world.prints("node1", DeployLock, lock(7200))


@fault("a deployment is at work", {})
def _(world: World) -> None:
    world.prints("node1", DeployLock, lock(4))


def _base64(content: bytes) -> str:
    import base64

    return base64.b64encode(content).decode()
