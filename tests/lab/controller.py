"""The machine that deploys: a home and a sophia.yaml of their own, and sophia run as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sophia_cli.ops.secret_store import SecretStore
from tests.lab.host import Host
from tests.lab.inventory import EVERYTHING, sophia_yaml

SOPHIA = str(Path(sys.executable).with_name("sophia"))
CLUSTER = "lab"
# What the lab has no need of; of Grafana there is a stand-in that knows no dashboards.
LEFT_OUT: Mapping[str, Mapping[str, Any]] = {
    "grafana": {"enabled": False},
    "qdrant": {"grpc": False},
}
# A first deployment on a machine that has much else to do.
_TIMEOUT = 580.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command came to."""

    words: tuple[str, ...]
    exit_status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What --json printed as its data."""
        return json.loads(self.out)["data"]

    def __str__(self) -> str:
        return f"sophia {' '.join(self.words)}: {self.exit_status}\n{self.out}{self.err}"


@dataclass(slots=True)
class Controller:
    """A machine with an inventory of the lab's hosts.

    Args:
        root: a directory that is nobody else's; it becomes the home, with all that is kept there.
        hosts: those of the inventory.
        roles: by the host's name.
    """

    root: Path
    hosts: tuple[Host, ...]
    roles: Mapping[str, Sequence[str]] = field(default_factory=lambda: EVERYTHING)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        self.configure()

    @property
    def inventory(self) -> Path:
        """Its sophia.yaml."""
        return self.root / "sophia.yaml"

    @property
    def known_hosts(self) -> Path:
        """Where it pins host keys; there is none before `sophia hosts trust`."""
        return self.root / "known_hosts"

    @property
    def home(self) -> Path:
        """Its SOPHIA_HOME."""
        return self.root / "home"

    @property
    def kept(self) -> Path:
        """Where it keeps what belongs to the cluster."""
        return self.home / "clusters" / CLUSTER

    def configure(
        self,
        *,
        cluster: Mapping[str, Any] | None = None,
        ssh: Mapping[str, Any] | None = None,
        **services: Mapping[str, Any],
    ) -> None:
        """Writes the inventory anew: what fits the lab, and some keys besides, by section."""
        names = {**LEFT_OUT, **services}
        self.inventory.write_text(
            sophia_yaml(
                self.hosts,
                self.roles,
                self.known_hosts,
                cluster=cluster or {},
                ssh={"connect_timeout": "5s", **(ssh or {})},
                services={
                    name: {**LEFT_OUT.get(name, {}), **services.get(name, {})} for name in names
                },
            )
        )

    def run(self, *words: str, timeout: float = _TIMEOUT, stdin: str = "") -> Said:
        """Runs sophia to its end; nobody sits at a terminal."""
        ended = subprocess.run(
            [SOPHIA, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment(),
            cwd=self.root,
        )
        return Said(words, ended.returncode, ended.stdout, ended.stderr)

    def does(self, *words: str, timeout: float = _TIMEOUT) -> Said:
        """Runs sophia, which must end well."""
        said = self.run(*words, timeout=timeout)
        assert said.exit_status == 0, str(said)
        return said

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts sophia, and does not wait."""
        return subprocess.Popen(
            [SOPHIA, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
            cwd=self.root,
            start_new_session=True,
        )

    def trust(self) -> None:
        """Pins the hosts' keys, over whatever was pinned."""
        self.does("hosts", "trust", "--yes", "--replace")

    def secrets(self) -> dict[str, str]:
        """The cluster's secrets, by name."""
        return {
            name: value.get_secret_value()
            for name, value in SecretStore(self.kept / "secrets").all().items()
        }

    def journal(self) -> list[dict[str, Any]]:
        """The events of its journal, the oldest first."""
        lines = (self.kept / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def last_run(self) -> list[dict[str, Any]]:
        """The events of the last deployment."""
        events = self.journal()
        return [each for each in events if each["run"] == events[-1]["run"]]

    def files(self) -> Iterator[tuple[Path, str]]:
        """Every file that it keeps, with its text."""
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes().decode(errors="replace")

    def environment(self) -> dict[str, str]:
        """The variables of a session of its own."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.root),
            "SOPHIA_HOME": str(self.home),
            "SOPHIA_CONFIG": str(self.inventory),
            "COLUMNS": "200",
        }
