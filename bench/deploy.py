"""How long `sophia deploy` takes when nothing is to be done, in the lab: python bench/deploy.py.

Needs what `make test-lab` needs, and about ten minutes: it deploys three hosts and one host of
their own. Times are medians; what counts are the ratios, taken in turns within this run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sophia_cli.ops.connection.pool import HostConnections
from sophia_cli.ops.connection.protocol import Command, Finished
from sophia_cli.ops.facts.fact import gather
from sophia_cli.ops.facts.machine import Machine
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.inventory.reading import read_kept_inventory
from sophia_cli.ops.operations.operation import Operation
from sophia_cli.ops.planning import machine_of, make_plan
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.secret_store import SecretStore
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all
from tests.lab.controller import Controller
from tests.lab.lab import Lab

_ALONE = {"h4": ("qdrant", "redis", "postgres", "sophia", "monitoring")}
_STEPS = ("directory", "file", "template", "container", "packages", "systemd_unit", "firewall")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    lab = Lab(say=lambda what: print(f"lab: {what}", file=sys.stderr, flush=True))
    with lab.alone(), tempfile.TemporaryDirectory(prefix="sophia-bench-") as directory:
        try:
            lab.build()
            hosts = lab.up(4)
            three = Controller(Path(directory) / "three", hosts[:3])
            one = Controller(Path(directory) / "one", hosts[3:], _ALONE)
            one.configure(qdrant={"replication_factor": 1, "write_consistency_factor": 1})
            for controller in (three, one):
                controller.trust()
                controller.does("deploy", "--yes", timeout=900)
            second_deployment(three, one, runs)
            doctor(three, runs)
            facts(three, one, runs)
            facts_by_openssh(three, one, runs)
            steps(three, runs)
        finally:
            lab.down()


def second_deployment(three: Controller, one: Controller, runs: int) -> None:
    """A whole `sophia deploy --yes` that finds nothing to do, as a process; and a plan."""

    def deployed(controller: Controller) -> Callable[[], object]:
        return lambda: controller.does("deploy", "--yes")

    spent = compared("second deploy", deployed(three), deployed(one), runs, "<= 1.3")
    report("second deploy, 3 hosts", f"{spent:.2f} s", "<= 5 s")
    compared("plan", lambda: three.does("plan"), lambda: one.does("plan"), runs)


def doctor(three: Controller, runs: int) -> None:
    """`sophia doctor` as a process, on all three hosts, and with one of them frozen."""
    [well] = in_turns([lambda: three.does("doctor")], runs)
    report("doctor, 3 hosts", f"{well:.2f} s", "<= 5 s")
    three.hosts[2].freeze()
    try:
        [frozen] = in_turns([lambda: three.run("doctor")], 2)
    finally:
        three.hosts[2].thaw()
    report("doctor, one of 3 hosts frozen", f"{frozen:.2f} s", "<= 12 s")


def facts(three: Controller, one: Controller, runs: int) -> None:
    """What hosts say of themselves, over new connections and over open ones."""

    def anew(controller: Controller) -> Callable[[], object]:
        def ask() -> None:
            with HostConnections(inventory_of(controller)) as connections:
                machines(site_of(controller, connections))

        return ask

    compared("facts with connecting", anew(three), anew(one), runs, "<= 1.5")
    with (
        HostConnections(inventory_of(three)) as threefold,
        HostConnections(inventory_of(one)) as single,
    ):
        of_three, of_one = (
            partial(machines, site) for site in (site_of(three, threefold), site_of(one, single))
        )
        compared("facts over open connections", of_three, of_one, 3 * runs, "<= 1.5")


def facts_by_openssh(three: Controller, one: Controller, runs: int) -> None:
    """The control: a process of OpenSSH's for each host, all at once, that runs the same script."""

    def asked(controller: Controller) -> Callable[[], object]:
        def ask() -> None:
            with ThreadPoolExecutor(len(controller.hosts)) as threads:
                script = Machine().command
                for ended in threads.map(
                    lambda host: host.ssh("sudo -n sh -s", script), controller.hosts
                ):
                    assert "clock=" in ended.stdout, ended.stderr

        return ask

    compared("facts with connecting, by OpenSSH", asked(three), asked(one), runs)


def steps(controller: Controller, runs: int) -> None:
    """Steps that are as they should be, over a round trip to their host.

    Of each kind one alone, as a deployment looks again at what it is about to change; and all of a
    host together, as it looks at what it does not have to change.
    """
    with HostConnections(inventory_of(controller)) as connections:
        site = site_of(controller, connections)
        sources = Sources.of(None)
        plan = make_plan(site, read_playbooks(sources, Vocabulary.known()), sources)
        here = [task.operation for task in plan.tasks if task.host == "h1"]
        kinds = {task.step.operation: task.operation for task in plan.tasks if task.host == "h1"}
        with connections.to("h1") as connection:

            def look(operations: Sequence[Operation]) -> None:
                known = gather(connection, [fact for each in operations for fact in each.needs()])
                for each in operations:
                    each.compare(known)

            def trip() -> Finished:
                return connection.run(Command(":"))

            for name, operations in [
                ("all of a host together", here),
                *((kind, [kinds[kind]]) for kind in _STEPS),
            ]:
                looked, waited = in_turns([partial(look, operations), trip], 5 * runs)
                count = len(operations)
                report(
                    f"a step that changes nothing: {name}",
                    f"({looked * 1000:.0f} - {waited * 1000:.0f}) ms / {count}"
                    f" = {(looked - waited) * 1000 / count:.1f} ms",
                    "<= 25 ms",
                )


def machines(site: Site) -> None:
    on_all(site, site.inventory.hosts, lambda host: machine_of(site, host))


def site_of(controller: Controller, connections: HostConnections) -> Site:
    inventory = inventory_of(controller)
    secrets = SecretStore(controller.kept / "secrets")
    return Site(inventory, connections, secrets, cancelled=threading.Event())


def inventory_of(controller: Controller) -> Inventory:
    return read_kept_inventory(controller.inventory, controller.root).inventory


def in_turns(actions: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """The median seconds of each, taken in turns."""
    spent: list[list[float]] = [[] for _ in actions]
    for _ in range(runs):
        for times, action in zip(spent, actions, strict=True):
            started = time.perf_counter()
            action()
            times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in spent]


def compared(
    name: str,
    of_three: Callable[[], object],
    of_one: Callable[[], object],
    runs: int,
    bound: str = "none",
) -> float:
    """Reports what takes three hosts beside what takes one; returns the seconds of three."""
    three, one = in_turns([of_three, of_one], runs)
    figure = f"{three * 1000:,.0f} / {one * 1000:,.0f} ms = {three / one:.2f}"
    report(f"{name}, 3 hosts / 1 host", figure, bound)
    return three


def report(name: str, figure: str, bound: str) -> None:
    print(f"{name:50} {figure:>34}   bound: {bound}", flush=True)


if __name__ == "__main__":
    main()
