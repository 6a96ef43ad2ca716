"""What runs on the hosts: docker, containers, units; and whether it keeps running."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, warned
from sophia_cli.checks.hosts.asked import NotTold
from sophia_cli.checks.hosts.asked_services import UnitNow, Units
from sophia_cli.checks.hosts.containers import Containers, ContainersNow, RunningContainer
from sophia_cli.checks.hosts.told import Told, not_told, on_each
from sophia_cli.ops.facts.docker import Docker

_LATELY = 15 * 60.0
"""Seconds: what was started anew within them may do it again."""


def containers_of(said: Told) -> ContainersNow | NotTold:
    """The containers that a host has; why not where docker does not say."""
    for fact in said.known.values:
        if isinstance(inner := getattr(fact, "fact", None), Containers):
            return said.of(inner)
    return NotTold(said.refused.message if said.refused else "docker was not asked")


def _docker(said: Told) -> Iterator[Finding]:
    if not said.expected.containers:
        return
    state = containers_of(said)
    if isinstance(state, NotTold):
        yield not_told(said, state)
    elif state.docker is Docker.ANSWERS:
        yield passed("docker answers", said.name)
    else:
        yield failed(f"docker {state.docker}", said.name)


def _containers(said: Told) -> Iterator[Finding]:
    if not said.expected.containers:
        return
    state = containers_of(said)
    if isinstance(state, NotTold):
        yield not_told(said, state)
        return
    if state.docker is not Docker.ANSWERS:
        yield not_told(said, NotTold(f"docker {state.docker}"))
        return
    for name in said.expected.containers:
        yield _container(said.name, name, state.by_name.get(name))


def _container(host: str, name: str, found: RunningContainer | None) -> Finding:
    logs = f"sophia exec --on {host} --sudo -- docker logs --tail 50 {name}"
    if found is None:
        return failed(f"{name} is not there", host, command="sophia deploy")
    evidence = f"docker: {name} is {found.status}{f', {found.health}' if found.health else ''}"
    if found.status != "running":
        why = " for want of memory" if found.out_of_memory else ""
        ended = f", ended with {found.exit_code}{why}" if found.status == "exited" else ""
        return failed(f"{name} is {found.status}{ended}", host, evidence, command=logs)
    if found.health == "unhealthy":
        return failed(f"{name} runs and is unhealthy", host, evidence, command=logs)
    return passed(f"{name} runs", host, evidence)


def _units(said: Told) -> Iterator[Finding]:
    if not said.expected.units:
        return
    states = said.of(Units(said.expected.units))
    if isinstance(states, NotTold):
        yield not_told(said, states)
        return
    for name, unit in states.items():
        yield _unit(said.name, name, unit)


def _unit(host: str, name: str, unit: UnitNow) -> Finding:
    state = unit.state
    evidence = f"systemd: {name} is {state.load}, {state.active} ({state.sub}), {state.file}"
    if state.load != "loaded":
        return failed(f"{name} is {state.load or 'not known'}", host, evidence)
    if state.active != "active":
        logs = f"sophia exec --on {host} --sudo -- journalctl -n 50 -u {name}"
        return failed(f"{name} is {state.active} ({state.sub})", host, evidence, command=logs)
    if state.file == "disabled":
        enable = f"sophia exec --on {host} --sudo -- systemctl enable {name}"
        return warned(f"{name} runs, and not after a reboot", host, evidence, command=enable)
    return passed(f"{name} is active", host, evidence)


def _restarts(said: Told) -> Iterator[Finding]:
    now = datetime.fromtimestamp(said.answered + said.skew[0], UTC)
    again: list[str] = []
    state = containers_of(said)
    units = said.of(Units(said.expected.units)) if said.expected.units else {}
    if isinstance(state, NotTold) and isinstance(units, NotTold):
        yield not_told(said, state)
        return
    if not isinstance(state, NotTold):
        for name, found in state.by_name.items():
            if found.started is None or found.created is None or not found.restarts:
                continue
            age = (now - found.started).total_seconds()
            # While it is deployed, a peer that cannot join yet is started again and again.
            settled = (now - found.created).total_seconds() > _LATELY
            if settled and (age < _LATELY or found.status == "restarting"):
                again.append(f"{name} was started anew {found.restarts} times, {_ago(age)}")
    if not isinstance(units, NotTold):
        for name, unit in units.items():
            if unit.state.restarts > 1 and unit.age is not None and unit.age < _LATELY:
                again.append(
                    f"{name} was started anew {unit.state.restarts} times, {_ago(unit.age)}"
                )
    for says in again:
        yield warned(says, said.name)
    if not again:
        yield passed("nothing is started again and again", said.name)


def _ago(seconds: float) -> str:
    return (
        f"last {max(seconds, 0):.0f} s ago" if seconds < 120 else f"last {seconds / 60:.0f} min ago"
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "HO-09",
        "Docker answers on every host",
        Severity.CRITICAL,
        "Asks docker for the cluster's containers. Where it does not answer, nothing that runs in "
        "a container can be started, stopped or looked at.",
        "sophia exec --on HOST --sudo -- systemctl restart docker",
        on_each(_docker, "no host runs containers", lambda host: host.containers),
        timeout=11.0,
    ),
    Check(
        "HO-10",
        "Every container runs, and is well",
        Severity.CRITICAL,
        "Compares docker's containers with those that the host's roles want: each there, running, "
        "and not unhealthy where something checks its health.",
        "look at its log; `sophia deploy` makes what is missing",
        on_each(_containers, "no host runs containers", lambda host: host.containers),
        timeout=11.0,
    ),
    Check(
        "HO-11",
        "Every unit is active",
        Severity.CRITICAL,
        "Asks systemd for docker, sophia and the firewall's units that the host's roles want: each "
        "loaded, active, and started again after a reboot.",
        "look at its journal; `sophia deploy` makes what is missing",
        on_each(_units, "no host runs units of sophia's", lambda host: host.units),
        timeout=11.0,
    ),
    Check(
        "HO-12",
        "Nothing is started again and again",
        Severity.SERIOUS,
        "Reads how often docker and systemd started something anew by themselves, and when last: "
        "within a quarter of an hour counts. It runs now, and will not for long.",
        "look at its log for what ended it",
        on_each(_restarts, "no host"),
        timeout=11.0,
    ),
)
