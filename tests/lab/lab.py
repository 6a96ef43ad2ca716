"""The lab: builds what it needs once, brings hosts up in seconds, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.depot import empty_registry, fill_registry, open_depot
from tests.lab.docker import LabError, docker, inspected, run
from tests.lab.host import Host
from tests.lab.images import build_images
from tests.lab.place import BRIDGE, GATEWAY, LABEL, NAME, SUBNET, state_directory
from tests.lab.wheelhouse import build_wheelhouse

STANDIN_PACKAGES = ("qdrant-edge-py", "numpy", "pyyaml")


class Lab:
    """Hosts in a network of their own, a mirror of Docker Hub and a package index.

    Args:
        state: what is kept between runs; without it `state_directory()`.
        say: is told what takes long.
    """

    def __init__(
        self, state: Path | None = None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.state = (state or state_directory()).resolve()
        self.hosts: dict[str, Host] = {}
        self._say = say

    @property
    def key(self) -> Path:
        """The private key that hosts let `ubuntu` in with."""
        return self.state / "id"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys, read past the network: strict checking is genuine with it."""
        return self.state / "known_hosts"

    def __getitem__(self, name: str) -> Host:
        """A host by its name: h1, h2, ..."""
        return self.hosts[name]

    @contextlib.contextmanager
    def alone(self) -> Iterator[Lab]:
        """Keeps every other session out while the block runs.

        Raises:
            LabError: another one is in.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LabError(f"another session has the lab in {self.state}") from error
            yield self

    def build(self) -> None:
        """Builds images and wheels, and serves them; what is built already is left as it is."""
        self.state.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(1) as pool:
            wheelhouse = pool.submit(build_wheelhouse, self.state, self._say)
            served = build_images(lambda: _some(wheelhouse.result()), self._say)
            wheelhouse.result()
        self._open()
        fill_registry(self.state, served, self._say)

    def up(self, count: int = 3, kind: str = "docker") -> tuple[Host, ...]:
        """Makes the hosts h1, h2, ... anew, side by side, in place of whatever hosts there are.

        Args:
            kind: `bare`, or `docker` with docker and python3-venv installed.
        """
        self._open()
        self._remove_hosts()
        if not self.key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])
        hosts = tuple(Host(number, self.state) for number in range(1, count + 1))
        with ThreadPoolExecutor(max(1, count)) as pool:
            list(pool.map(lambda host: host.create(kind), hosts))
        self.hosts = {host.name: host for host in hosts}
        self._note_host_keys()
        return hosts

    def adopt(self) -> tuple[Host, ...]:
        """Finds the hosts that another process brought up."""
        listed = docker("ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.Names}}")
        numbers = sorted(
            int(name.removeprefix(f"{NAME}-h"))
            for name in listed.split()
            if name.removeprefix(f"{NAME}-h").isdigit()
        )
        hosts = tuple(Host(number, self.state) for number in numbers)
        self.hosts = {host.name: host for host in hosts}
        return hosts

    def reset(self, host: Host, kind: str = "docker") -> None:
        """Makes one host anew; it has another host key then."""
        host.create(kind)
        self._note_host_keys()

    def mend(self) -> None:
        """Undoes every fault of every host; what is on them stays, a changed host key too."""
        self._forget_partitions()
        with ThreadPoolExecutor(max(1, len(self.hosts))) as pool:
            list(pool.map(Host.mend, self.hosts.values()))
        self._note_host_keys()

    def partition(self, one: Host, other: Host) -> None:
        """Has what two hosts send to each other lost; everybody else reaches both."""
        self.rejoin(one, other)
        for rule in _rules(one, other):
            run(["iptables", "-I", "DOCKER-USER", *rule])

    def rejoin(self, one: Host, other: Host) -> None:
        """Ends that."""
        for rule in _rules(one, other):
            with contextlib.suppress(LabError):
                run(["iptables", "-D", "DOCKER-USER", *rule])

    def down(self) -> None:
        """Removes hosts, services and the network; images, wheels and the registry's store stay."""
        self._forget_partitions()
        self._remove_hosts()
        for container in _containers():
            docker("rm", "--force", "--volumes", container)
        if inspected("network", NAME, "{{.Id}}"):
            docker("network", "rm", NAME)

    def purge(self) -> None:
        """Removes all of it, but for what docker itself keeps in the state directory."""
        self.down()
        empty_registry(self.state)
        images = docker("images", "--quiet", "--filter", f"label={LABEL}").split()
        if images:
            docker("rmi", "--force", *dict.fromkeys(images))
        for name in ("built", "hosts", "index", "wheels"):
            shutil.rmtree(self.state / name, ignore_errors=True)

    def _open(self) -> None:
        if not inspected("network", NAME, "{{.Id}}"):
            bridge = ["--opt", f"com.docker.network.bridge.name={BRIDGE}"]
            mtu = ["--opt", f"com.docker.network.driver.mtu={_mtu()}"]
            place = ["--subnet", SUBNET, "--gateway", GATEWAY, "--label", LABEL]
            docker("network", "create", *place, *bridge, *mtu, NAME)
        open_depot(self.state)

    def _remove_hosts(self) -> None:
        hosts = self.adopt()
        with ThreadPoolExecutor(max(1, len(hosts))) as pool:
            list(pool.map(Host.remove, hosts))
        self.hosts = {}

    def _note_host_keys(self) -> None:
        lines = [f"{host.address} {host.host_key()}\n" for host in self.hosts.values()]
        self.known_hosts.write_text("".join(lines))

    def _forget_partitions(self) -> None:
        for rule in run(["iptables", "-S", "DOCKER-USER"]).splitlines():
            if NAME in rule:
                run(["iptables", *rule.replace("-A", "-D", 1).split()])


def _rules(one: Host, other: Host) -> list[list[str]]:
    ways = ((one, other), (other, one))
    note = ["-m", "comment", "--comment", NAME, "-j", "DROP"]
    return [["-s", start.address, "-d", end.address, *note] for start, end in ways]


def _containers() -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}").split()


def _mtu() -> str:
    """What fits through the machine's own way out."""
    for link in sorted(Path("/sys/class/net").glob("e*/mtu")):
        return link.read_text().strip()
    return "1500"


def _some(wheels: dict[str, Path]) -> dict[str, Path]:
    return {package: wheels[package] for package in STANDIN_PACKAGES}
