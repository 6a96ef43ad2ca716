"""What of a home runs before anybody opens anything: the resident process and the engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sophia_cli import __version__
from sophia_cli.daemon import presence
from sophia_cli.daemon.presence import Resident
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home

if TYPE_CHECKING:
    from sophia_cli.engines.process import Engine

_PATIENCE = 2.0
_YOUNG = 30.0
ENGINES = ("postgres", "valkey")
"""The embedded engines, by the name of their log."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What ran.

    Attributes:
        state: of the resident process: `running`, `stopped`, `not ready` or `frozen`.
        resident: what it wrote down of itself; of process 0 where none runs.
        engines: by name, of each embedded engine: `running`, `stopped` or `frozen`.
        inside: whether it is the resident process that looks.
    """

    state: str
    resident: Resident
    engines: Mapping[str, str]
    inside: bool

    @property
    def attended(self) -> bool:
        """Whether there is a resident process, which keeps the engines up."""
        return self.inside or self.state != "stopped"

    def is_starting(self, wanted: Collection[str]) -> bool:
        """Whether the resident process is so young that a wanted engine may still be to come."""
        young = time.time() - self.resident.started_at < _YOUNG
        missing = any(self.engines[name] == "stopped" for name in wanted)
        return self.state == "not ready" or (self.state == "running" and young and missing)

    @property
    def is_other_version(self) -> bool:
        """Whether the resident process is of another version than this program."""
        return not self.inside and self.resident.version not in ("", __version__)

    @property
    def lends(self) -> bool:
        """Whether the resident process lends its vectors."""
        return not self.inside and self.state == "running" and not self.is_other_version


def standing(home: Home, *, inside: bool) -> Standing:
    """Looks at all of it at once; what is silent for two seconds is frozen."""
    looks: dict[str, Callable[[], str]] = {
        "resident": lambda: presence.condition(home, _PATIENCE).value,
        **{name: lambda name=name: _engine(engine_of(home, name)) for name in ENGINES},  # type: ignore[misc]
    }
    with ThreadPoolExecutor(len(looks)) as pool:
        found = {name: pool.submit(look) for name, look in looks.items()}
        states = {name: future.result() for name, future in found.items()}
    state = states.pop("resident")
    return Standing(state, presence.running(home) or Resident(), states, inside)


def engine_of(home: Home, name: str) -> Engine:
    """An embedded engine of a home, whether it runs or not."""
    return Postgres(home) if name == "postgres" else Valkey(home)


def _engine(engine: Engine) -> str:
    try:
        if not engine.home.locks.is_dir() or not engine.running():
            return "stopped"
    except OSError:
        return "stopped"  # What is the matter with the home, its own checks say.
    return "running" if engine.answers() or engine.answers() else "frozen"
