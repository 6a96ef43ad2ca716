"""Two hosts that are directories of this machine, a site over them, and playbooks in a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sophia_cli.ops.applying import Applying
from sophia_cli.ops.connection.protocol import Command, Connection, Finished
from sophia_cli.ops.errors import HostUnreachable
from sophia_cli.ops.gates.gate import Gate, Guard
from sophia_cli.ops.inventory.model import Host, Inventory, Role
from sophia_cli.ops.journal_event import What
from sophia_cli.ops.plan import Plan
from sophia_cli.ops.planning import make_plan
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.site import Site
from tests.ops.local import LocalConnection

SECRET = "correct-horse-battery"  # noqa: S105  (made up)


class Secrets:
    """One secret of every name."""

    def value(self, name: str) -> SecretStr:
        return SecretStr(SECRET)

    def all(self) -> dict[str, SecretStr]:
        return {"redis-password": SecretStr(SECRET)}


@dataclass(slots=True)
class Named(LocalConnection):
    """A host of a name; `trouble` is asked before each command and may raise."""

    name: str = ""
    trouble: Callable[[str, Command], None] = lambda *_: None

    @property
    def host(self) -> str:
        return self.name

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        self.trouble(self.name, command)
        return LocalConnection.run(self, command, on_output)


@dataclass(slots=True)
class Connections:
    """The hosts of a test; one that is taken out cannot be reached."""

    hosts: dict[str, Named]

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Connection]:
        if host not in self.hosts:
            raise HostUnreachable(f"{host}: no route to it", "look at its cable")
        yield self.hosts[host]


@dataclass(slots=True)
class Town:
    """A site of two hosts, `a` and `b`, and one playbook."""

    folder: Path
    site: Site
    connections: Connections
    gates: dict[str, Gate] = field(default_factory=dict)
    guards: dict[str, Guard] = field(default_factory=dict)
    noted: list[tuple[What, dict[str, Any]]] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path) -> Town:
        connections = Connections({name: Named(name=name) for name in ("a", "b")})
        for name in ("a", "b"):
            (folder / name).mkdir(parents=True)
        (folder / "books").mkdir()
        hosts = {
            "a": Host(address="127.0.0.2", roles=(Role.QDRANT, Role.REDIS), labels=(str(folder),)),
            "b": Host(address="127.0.0.3", roles=(Role.QDRANT,), labels=(str(folder),)),
        }
        return cls(folder, Site(Inventory(hosts=hosts), connections, Secrets()), connections)

    def write(self, steps: str, **templates: str) -> None:
        """Makes the playbook; `$HERE` in it is the host's own directory."""
        here = f"{self.folder}/{{{{ host.name }}}}"
        text = "phase: test\nnumber: 1\ntitle: A test\nsteps:\n" + steps.replace("$HERE", here)
        (self.folder / "books" / "1-test.yaml").write_text(text)
        for name, template in templates.items():
            (self.folder / "books" / name).write_text(template)

    def plan(self) -> Plan:
        sources = Sources([self.folder / "books"], [self.folder / "books"])
        known = Vocabulary.known()
        gates = frozenset({*known.gates, *self.gates})
        words = Vocabulary(known.operations, gates, frozenset({*known.guards, *self.guards}))
        return make_plan(self.site, read_playbooks(sources, words), sources)

    def applying(self, plan: Plan) -> Applying:
        def note(what: What, **known: Any) -> None:
            self.noted.append((what, known))

        def check() -> None:
            return None

        return Applying(self.site, plan, self.gates, self.guards, note, check)

    def apply(self, plan: Plan | None = None) -> Mapping[str, int]:
        """Carries out a plan, a new one without one; how many tasks changed something or not."""
        plan = plan or self.plan()
        applying = self.applying(plan)
        for playbook in plan.phases:
            applying.phase(playbook)
        applied = applying.applied()
        return {"changed": applied.changed, "unchanged": applied.unchanged}

    def happened(self, *whats: What) -> list[tuple[str, str, str]]:
        """Of what was noted: what, host and step."""
        return [
            (what.value, known.get("host", ""), known.get("step", ""))
            for what, known in self.noted
            if not whats or what in whats
        ]
