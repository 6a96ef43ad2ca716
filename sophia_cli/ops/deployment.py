"""A deployment from end to end: the locks, the phases in their order, what is kept of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sophia_cli
from sophia_cli.errors import Interrupted, SophiaError
from sophia_cli.ops.applying import Applied, Applying
from sophia_cli.ops.connection.pool import HostConnections
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.errors import OutcomeUnknown
from sophia_cli.ops.gates.registry import GATES, GUARDS, LOOKING
from sophia_cli.ops.hooks import ALL, Ended, Hooks
from sophia_cli.ops.journal import HostJournal, Journal
from sophia_cli.ops.journal_event import Event, What, new_run
from sophia_cli.ops.kept import Kept
from sophia_cli.ops.leftovers import wait_for_leftovers
from sophia_cli.ops.lock import Leases
from sophia_cli.ops.owner import Owner
from sophia_cli.ops.plan import Plan
from sophia_cli.ops.planning import chosen, make_plan
from sophia_cli.ops.playbooks.playbook import Playbook
from sophia_cli.ops.recipe import Recipe
from sophia_cli.ops.releases import Releases
from sophia_cli.ops.secret_store import SecretStore
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import redacted

# What happened on a host is written there as well.
_ON_THE_HOST = (What.STEP_CHANGED, What.STEP_FAILED, What.STEP_UNKNOWN, What.GUARDED)


@dataclass(frozen=True, slots=True)
class Done:
    """What a deployment came to.

    Attributes:
        run: its id in the journal.
        left: hooks after a phase that failed: the hosts are as they should be, something of the
            operator's is not.
    """

    run: str
    applied: Applied
    left: Sequence[str]


@dataclass(slots=True)
class Deployment:
    """One deployment of a recipe. `opened` makes it.

    Attributes:
        redactor: knows every secret of the cluster.
        tell: is told each event, redacted.
        now: the clock.
        variables: the user's environment, for the hooks.
    """

    recipe: Recipe
    site: Site
    kept: Kept
    redactor: Redactor
    tell: Callable[[Event], None]
    now: Callable[[], datetime]
    variables: Mapping[str, str]
    run: str = ""
    _owner: Owner = field(default_factory=Owner.of_this_process)
    _unwritten: list[Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, phases: Sequence[str]) -> Plan:
        """What would be done; see `make_plan`."""
        playbooks = chosen(self.recipe.playbooks, phases)
        plan = make_plan(self.site, playbooks, self.recipe.sources)
        for secret in self.site.secrets.all().values():
            self.redactor.add(secret.get_secret_value())
        return plan

    @contextlib.contextmanager
    def locked(
        self, hosts: Sequence[str], purpose: str, *, breaking: bool = False
    ) -> Iterator[Leases]:
        """Holds the locks of these hosts, on which nothing of an earlier run is at work any more.

        Raises:
            CommandFailed: what an earlier run began does not end.
            SophiaError: see `Leases`.
        """
        leases = Leases(
            self.site.connections,
            hosts,
            purpose,
            self._owner,
            breaking=breaking,
            say=self.site.say,
            pause=self._pause,
        )
        with leases:
            wait_for_leftovers(self.site, hosts)
            yield leases

    def apply(self, plan: Plan, leases: Leases) -> Done:
        """Carries a plan out, phase by phase; each phase that is done becomes a release.

        Raises:
            SophiaError: a step failed; what comes after it was not begun.
            Interrupted: the user has stopped it.
        """
        self.run = new_run(self.now())
        hooks = self._hooks()
        hooks.check([playbook.phase for playbook in self.recipe.playbooks])
        left: list[str] = []

        def check() -> None:
            if self.site.cancelled.is_set():
                raise Interrupted("interrupted", "run it again: it goes on from here")
            leases.check()

        applying = Applying(self.site, plan, GATES, GUARDS, self.note, check)
        hosts, names = _hosts(self.site, plan.phases), [each.phase for each in plan.phases]
        self.note(What.RUN_STARTED, summary=f"deploy {', '.join(names)}")
        outcome = "failed"
        try:
            hooks.before(ALL, hosts)
            # What a hook does between two phases, a gate has to see.
            if not plan.open and hooks.directory is None:
                applying.look_ahead(LOOKING)
            for playbook in plan.phases:
                self._phase(playbook, applying, hooks, left)
            outcome = "ok"
        except (OutcomeUnknown, KeyboardInterrupt, Interrupted):
            outcome = "unknown"
            raise
        finally:
            if fault := hooks.after(ALL, hosts, outcome):
                left.append(fault)
            self.note(What.RUN_ENDED, outcome=outcome)
        return Done(self.run, applying.applied(), tuple(left))

    def note(self, what: What, **known: Any) -> None:
        """Writes an event into the journals, and tells it."""
        event = Event(
            at=self.now(),
            what=what,
            run=self.run,
            user=str(self._owner),
            version=sophia_cli.__version__,
            **known,
        )
        with self._lock:
            self._unwritten.append(event)
            # What is as it was may wait for the next event: each one is synced to the disk.
            if what is not What.STEP_UNCHANGED:
                Journal(self.kept.journal, self.redactor.text).append(*self._unwritten)
                self._unwritten.clear()
        if event.host and what in _ON_THE_HOST:
            self._note_there(event)
        self.tell(event)

    def _note_there(self, event: Event) -> None:
        """A host that cannot take it is one that the step itself has something to say of."""
        try:
            with self.site.connections.to(event.host) as connection:
                HostJournal(self.redactor.text).append(connection, [event])
        except SophiaError as error:
            self.site.say(event.host, f"its journal was not written: {error.message}")

    def _phase(self, playbook: Playbook, applying: Applying, hooks: Hooks, left: list[str]) -> None:
        hosts = _hosts(self.site, [playbook])
        hooks.before(playbook.phase, hosts)
        outcome = "failed"
        try:
            applying.phase(playbook)
            outcome = "ok"
        except (OutcomeUnknown, KeyboardInterrupt, Interrupted):
            outcome = "unknown"
            raise
        finally:
            if fault := hooks.after(playbook.phase, hosts, outcome):
                left.append(fault)
        Releases(self.kept.releases).record(
            self.recipe.inputs(), playbook.phase, self.now(), self.site.secrets.all()
        )

    def _hooks(self) -> Hooks:
        def told(phase: str, ended: Ended) -> None:
            self.note(
                What.HOOK_ENDED,
                phase=phase,
                step=ended.name,
                summary=ended.fault,
                output=ended.output,
                outcome="failed" if ended.fault else "ok",
                exit_status=ended.exit_status,
                seconds=ended.seconds,
            )

        cluster = self.recipe.inventory.cluster
        return Hooks(
            cluster.hooks_dir, cluster.name, self.run, self.variables, self.redactor.text, told
        )

    def _pause(self, seconds: float) -> None:
        if self.site.cancelled.wait(seconds):
            raise Interrupted("interrupted", "nothing was done")


@contextlib.contextmanager
def opened(
    recipe: Recipe,
    kept: Kept,
    *,
    tell: Callable[[Event], None],
    say: Callable[[str, str], None],
    now: Callable[[], datetime],
    variables: Mapping[str, str],
    cancelled: Any,
) -> Iterator[Deployment]:
    """A deployment with its connections and secrets; what is open is closed behind it.

    Args:
        say: is told what a host does now, redacted.
        cancelled: the event that the user's interrupt sets.
    """
    kept.prepare()
    store = SecretStore(kept.secrets)
    redactor = Redactor(secret.get_secret_value() for secret in store.all().values())
    with HostConnections(recipe.inventory, redactor, cancelled) as connections:
        site = Site(recipe.inventory, connections, store, say, redactor.text, cancelled)
        try:
            yield Deployment(recipe, site, kept, redactor, tell, now, variables)
        except SophiaError as error:
            redacted(error, redactor.text)
            raise


def _hosts(site: Site, playbooks: Sequence[Playbook]) -> list[str]:
    used = {
        host for each in playbooks for step in each.steps for host in step.hosts(site.inventory)
    }
    return [host for host in site.inventory.hosts if host in used]
