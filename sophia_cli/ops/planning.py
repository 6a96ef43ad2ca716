"""Planning: facts of all hosts in parallel, then what each step would do on each host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.facts.fact import Known, gather
from sophia_cli.ops.facts.machine import Machine, MachineFacts
from sophia_cli.ops.operations.operation import Change, Nothing, Operation
from sophia_cli.ops.plan import Later, Plan, Task
from sophia_cli.ops.playbooks.filling import operation_of, values_for, wanted
from sophia_cli.ops.playbooks.playbook import Playbook, Step
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.playbooks.templates import Values
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

# What a script's check looks at may be what an earlier step brings about.
_DEPENDS_ON_EARLIER = ("script",)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A step on a host, before it is compared with the host."""

    number: int
    phase: str
    step: Step
    operation: Operation


def chosen(playbooks: Sequence[Playbook], phases: Sequence[str]) -> list[Playbook]:
    """The playbooks of these phases, by name or number, in their order; all for none.

    Raises:
        ConfigurationError: there is no such phase.
    """
    known = {name: each for each in playbooks for name in (each.phase, str(each.number))}
    for phase in phases:
        if phase not in known:
            names = ", ".join(f"{each.number} or {each.phase}" for each in playbooks)
            raise ConfigurationError(f"there is no phase {phase!r}", f"there are {names}")
    picked = [known[phase] for phase in phases]
    return [each for each in playbooks if each in picked] if phases else list(playbooks)


def make_plan(site: Site, playbooks: Sequence[Playbook], sources: Sources) -> Plan:
    """What deploying these phases would do now. Two round trips a host; nothing is changed there.

    Secrets of the cluster that this machine does not have yet are made: what is to be written
    depends on them.

    Raises:
        ConfigurationError: a playbook or a template cannot be filled in.
        HostUnreachable, HostKeyRefused, OutcomeUnknown, SudoRefused, CommandFailed: hosts that
            could not be asked, all of them.
    """
    hosts = _hosts_of(site, playbooks)
    machines = on_all(site, hosts, lambda host: machine_of(site, host))
    values = {host: values_for(site, host, machines[host], sources) for host in hosts}
    wants = {host: list(_wanted_on(site, host, values[host], playbooks, sources)) for host in hosts}
    compared = on_all(site, hosts, lambda host: _compared(site, host, wants[host]))
    tasks = sorted(
        (task for found in compared.values() for task in found), key=lambda task: task.number
    )
    gates = tuple(
        (step, tuple(host for host in step.hosts(site.inventory) if wanted(step, values[host])))
        for playbook in playbooks
        for step in playbook.steps
        if step.gate is not None
    )
    return Plan(site.inventory.cluster.name, tuple(playbooks), machines, tuple(tasks), gates)


def machine_of(site: Site, host: str) -> MachineFacts:
    """What a host says of itself."""
    with site.connections.to(host) as connection:
        return gather(connection, [Machine()])[Machine()]


def _hosts_of(site: Site, playbooks: Sequence[Playbook]) -> list[str]:
    """The hosts that any step is for, in the file's order."""
    used = {
        host
        for playbook in playbooks
        for step in playbook.steps
        for host in step.hosts(site.inventory)
    }
    return [host for host in site.inventory.hosts if host in used]


def _wanted_on(
    site: Site,
    host: str,
    values: Values,
    playbooks: Sequence[Playbook],
    sources: Sources,
) -> Iterator[_Wanted]:
    number = 0
    for playbook in playbooks:
        for step in playbook.steps:
            number += 1
            if step.operation is None or host not in step.hosts(site.inventory):
                continue
            if wanted(step, values):
                operation = operation_of(step, values, sources)
                yield _Wanted(number, playbook.phase, step, operation)


def _compared(site: Site, host: str, wants: Sequence[_Wanted]) -> list[Task]:
    with site.connections.to(host) as connection:
        known = gather(connection, [fact for each in wants for fact in each.operation.needs()])
    tasks: list[Task] = []
    changed: dict[str, Task] = {}
    for each in wants:
        outcome = _outcome(each, known, changed)
        task = Task(each.number, each.phase, each.step, host, each.operation, outcome)
        if isinstance(outcome, Change):
            changed[each.phase] = task
        tasks.append(task)
    return tasks


def _outcome(each: _Wanted, known: Known, changed: Mapping[str, Task]) -> Change | Nothing | Later:
    """What comparing comes to; `changed` holds by phase the last task before that changes."""
    earlier = changed.get(each.phase)
    if earlier is not None and each.step.operation in _DEPENDS_ON_EARLIER:
        return Later(f"known after step {earlier.number} ({earlier.step.name})")
    return each.operation.compare(known)
