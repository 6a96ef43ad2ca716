"""Debian packages that are installed, and with `upgrade` up to date."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.packages import STAMP, Packages, Upgrade
from sophia_cli.ops.operations.arguments import PackageName
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Run

# A host that was just started is often busy with its own updates for minutes.
_LOCK_WAIT = 300
_UPDATE_TIMEOUT = 900.0
_INSTALL_TIMEOUT = 2400.0
# A file that an operator changed stays as it is.
_APT = (
    "DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -q -y "
    f"-o DPkg::Lock::Timeout={_LOCK_WAIT} "
    "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)
# apt waits for dpkg's lock by itself, for that of its lists it does not.
_UPDATE = f"""turn=0
until said=$({_APT} update 2>&1); do
    case $said in *'Could not get lock'*) turn=$((turn + 1)) ;; *) turn=999 ;; esac
    [ $turn -le {_LOCK_WAIT // 5} ] || {{ printf '%s\\n' "$said" >&2; exit 1; }}
    sleep 5
done
mkdir -p {STAMP.rpartition("/")[0]} && touch {STAMP}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackages:
    """Packages.

    Attributes:
        update: whether the lists of packages are fetched before something is installed.
        upgrade: whether all that is installed is brought up to date as well.
    """

    names: tuple[PackageName, ...] = ()
    update: bool = True
    upgrade: bool = False

    @property
    def title(self) -> str:
        """`packages docker.io, nftables`."""
        names = ", ".join(self.names)
        return f"packages {names}" if names else "packages"

    def needs(self) -> Sequence[Fact[Any]]:
        """What is installed, and what an upgrade would do."""
        installed = (Packages(self.names),) if self.names else ()
        return (*installed, *((Upgrade(),) if self.upgrade else ()))

    def compare(self, known: Known) -> Change | Nothing:
        """Installs those that are missing, and upgrades where that would change something."""
        installed = known[Packages(self.names)] if self.names else {}
        missing = [name for name in self.names if name not in installed]
        steps: list[str] = []
        actions: list[Action] = []
        if self.upgrade:
            upgrade = known[Upgrade()]
            if not upgrade.fresh:
                steps.append("fetch the lists of packages, upgrade what is out of date")
            elif upgrade.names:
                steps.append(f"upgrade {_some(upgrade.names)}")
            if steps:
                actions.append(_run(f"{_APT} upgrade", _INSTALL_TIMEOUT))
        if missing:
            steps.append(f"install {', '.join(missing)}")
            names = " ".join(map(shlex.quote, missing))
            actions.append(_run(f"{_APT} install -- {names}", _INSTALL_TIMEOUT))
        if not actions:
            return Nothing("are up to date" if self.upgrade else "are installed")
        if self.update or self.upgrade:
            actions.insert(0, _run(_UPDATE, _UPDATE_TIMEOUT))
        return Change("; ".join(steps), tuple(actions))


def _run(text: str, timeout: float) -> Run:
    return Run(Command(text, timeout=timeout))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
