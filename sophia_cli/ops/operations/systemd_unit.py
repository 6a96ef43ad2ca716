"""A unit of systemd: its file, whether it starts with the host, whether it runs."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sophia_cli.config.shapes import Timeout
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.path import AtPath, Kind
from sophia_cli.ops.facts.unit import Unit, UnitState
from sophia_cli.ops.operations.arguments import Text, UnitName, whole_seconds
from sophia_cli.ops.operations.diff import unified
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Run

UNIT_DIRECTORY = "/etc/systemd/system"
"""Where units of the host's operator are."""

_STOP_TIMEOUT = 180.0
_GRACE = 30.0
_ENABLED = frozenset({"enabled", "enabled-runtime"})
# Those besides start in another way than by being enabled themselves.
_STARTS = _ENABLED | {"static", "generated", "indirect", "alias", "transient"}
_STOPPED = ("inactive", "failed", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemdUnit:
    """A unit.

    Attributes:
        content: of its file in /etc/systemd/system; without one, another package brings it. Holds
            no secret: all on the host may read it.
        enabled: whether it starts with the host.
        running: whether it runs now.
        restart_token: a text that is another one when the configuration is; the unit is then
            started anew. It is kept in the unit's file.
        start_timeout: how long it may take until it stays active.
        stable_for: how long it must stay active before it counts.
    """

    name: UnitName
    content: Text | None = None
    enabled: bool = True
    running: bool = True
    restart_token: str = ""
    start_timeout: Timeout = timedelta(seconds=60)
    stable_for: Timeout = timedelta(seconds=3)

    @property
    def title(self) -> str:
        """`unit sophia.service`."""
        return f"unit {self.name}"

    @property
    def path(self) -> str:
        """Where its file is."""
        return f"{UNIT_DIRECTORY}/{self.name}"

    def needs(self) -> Sequence[Fact[Any]]:
        """The unit as systemd sees it, and its file."""
        file = () if self.content is None else (AtPath(self.path), FileText(self.path))
        return (Unit(self.name), *file)

    def compare(self, known: Known) -> Change | Nothing:
        """Writes the file, enables, starts and waits: what of it is needed."""
        state = known[Unit(self.name)]
        changed, diff = self._file_differs(known)
        said = []
        if changed:
            said.append("its file changed" if state.load == "loaded" else "its file is new")
        elif self._toggles(state):
            said.append(f"it is {state.file or 'not enabled'}")
        if self.running and state.active != "active":
            said.append(f"it is {_words(state)}")
        if not self.running and state.active not in _STOPPED:
            said.append(f"it is {_words(state)}")
        if not said:
            return Nothing("is as it should be")
        summary = f"{self._verb(state, changed)} {self.title}: {', '.join(said)}"
        return Change(summary, self._actions(state, changed), diff)

    def _toggles(self, state: UnitState) -> bool:
        """Whether it starts with the host, and is not to, or the other way round."""
        return state.file not in _STARTS if self.enabled else state.file in _ENABLED

    def _file_differs(self, known: Known) -> tuple[bool, str]:
        if self.content is None:
            return False, ""
        at, before = known[AtPath(self.path)], known[FileText(self.path)]
        same = at.kind is Kind.FILE and before == self._text
        changed = not same or bool(at.differences("root", "root", "0644"))
        return changed, unified(self.path, before, self._text)

    @property
    def _text(self) -> bytes:
        text = (self.content or "").rstrip("\n") + "\n"
        token = f"\n# sophia: configuration {self.restart_token}\n" if self.restart_token else ""
        return (text + token).encode()

    def _verb(self, state: UnitState, changed: bool) -> str:
        if not self.running:
            return "change" if state.active in _STOPPED else "stop"
        if state.active != "active":
            return "start"
        return "restart" if changed else "enable" if self.enabled else "disable"

    def _actions(self, state: UnitState, changed: bool) -> tuple[Action, ...]:
        restart = self.running and (changed or state.active != "active")
        steps = [self._file_put(), "systemctl daemon-reload"] if changed else []
        if self._toggles(state) or (changed and self.enabled):
            steps.append(f"systemctl -q {'enable' if self.enabled else 'disable'} {self._name}")
        if restart:
            # It may have failed so often that systemd would not try again.
            steps.append(f"{{ systemctl reset-failed {self._name} 2>/dev/null || true; }}")
            steps.append(f"{{ systemctl restart {self._name} || {{ {self._explained()}; }}; }}")
        if not self.running and state.active not in _STOPPED:
            steps.append(f"systemctl stop {self._name}")
        # One command: the host carries it out to its end even when we are gone, so a new file is
        # never left beside a process that was started with the old one.
        stdin = self._text if changed else b""
        timeout = _STOP_TIMEOUT + self.start_timeout.total_seconds()
        first = Run(Command(" &&\n".join(steps), stdin, timeout=timeout))
        return (first, Run(self._watched())) if restart else (first,)

    @property
    def _name(self) -> str:
        return shlex.quote(self.name)

    def _file_put(self) -> str:
        """Puts what comes in in the unit's place, once all of it has come."""
        path, new = shlex.quote(self.path), shlex.quote(f"{UNIT_DIRECTORY}/.{self.name}.new")
        digest = hashlib.sha256(self._text).hexdigest()
        return (
            f"rm -f -- {new} && (umask 022 && cat > {new}) &&\n"
            f'{{ [ "$(sha256sum < {new} | cut -c 1-64)" = {digest} ] || '
            f"{{ echo 'the file of {self.title} did not come whole' >&2; exit 1; }}; }} &&\n"
            f"mv -fT -- {new} {path}"
        )

    def _explained(self) -> str:
        return (
            f"systemctl --no-pager -l -n 0 status {self._name} >&2; "
            f"journalctl --no-pager -q -o cat -n 20 -u {self._name} >&2; exit 1"
        )

    def _watched(self) -> Command:
        """Waits until it was active, with one and the same process, for long enough."""
        longest, stable = whole_seconds(self.start_timeout), whole_seconds(self.stable_for)
        text = f"""turn=0 good=0 last=
while [ $turn -lt {longest + stable} ]; do
    now=$(systemctl show -p ActiveState -p MainPID -p NRestarts -- {self._name} | tr '\\n' ' ')
    case $now in
        *ActiveState=active*) [ "$now" = "$last" ] && good=$((good + 1)) || good=0 ;;
        *ActiveState=failed*) break ;;
        *) good=0 ;;
    esac
    [ $good -lt {stable} ] || exit 0
    last=$now turn=$((turn + 1))
    sleep 1
done
echo "{self.title} does not stay active: $now" >&2
{self._explained()}"""
        return Command(text, timeout=(longest + stable) * 2 + _GRACE)


def _words(state: UnitState) -> str:
    if not state.active:
        return "not known"
    return f"{state.active} ({state.sub})" if state.sub not in ("", "dead") else state.active
