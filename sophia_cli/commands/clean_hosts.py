"""What `sophia clean` does with hosts: shows what would go, wants the cluster's name, deletes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sophia_cli.errors import Refused
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

if TYPE_CHECKING:
    from sophia_cli.ops.cleaning import Cleaned, CleanPlan, Journal
    from sophia_cli.ops.operations.operation import Change
    from sophia_cli.ops.site import Site


def _unnoted(host: str, summary: str, change: Change) -> None:
    """Notes nothing."""


def clean_hosts(
    invocation: Invocation,
    site: Site,
    hosts: list[str],
    *,
    everything: bool = False,
    discard_data: bool = False,
    confirm: str | None = None,
    dry_run: bool = False,
    locked: AbstractContextManager[object] | None = None,
    journal: Journal = _unnoted,
) -> Outcome:
    """Shows what would go from hosts, has the cluster's name typed, and deletes.

    Args:
        hosts: by name.
        confirm: the cluster's name, where nobody is to be asked.
        locked: holds the hosts' locks while it is looked once more and deleted.
        journal: gets each change before it is made.

    Raises:
        Refused: a wrong name; nobody is there to type it; something that must not go.
        SophiaError: see `plan_clean` and `clean`.
    """
    from sophia_cli.ops.cleaning import check_confirmed, clean, plan_clean

    if confirm is not None:
        check_confirmed(site.inventory.cluster.name, confirm)
    plan = plan_clean(site, hosts, everything, discard_data, invocation.now)
    if dry_run or plan.empty:
        return Outcome(_rows(plan), lambda terminal: _say(terminal, plan))
    if confirm is None:
        _have_typed(invocation, site.inventory.cluster.name, plan)
    with locked if locked is not None else nullcontext():
        # Others may have worked there until now: what goes is what is there under the lock.
        again = plan_clean(site, hosts, everything, discard_data, invocation.now)
        if confirm is None and again.lines() != plan.lines():
            raise Refused(
                "what is on the hosts has changed meanwhile: nothing was deleted", "run it again"
            )
        cleaned = clean(site, again, journal)
    return Outcome(
        [
            {"host": each.host, "deleted": each.summary, "backup": each.backup or None}
            for each in cleaned
        ],
        lambda terminal: _say_done(terminal, cleaned),
    )


def _have_typed(invocation: Invocation, cluster: str, plan: CleanPlan) -> None:
    environment = invocation.environment
    if invocation.terminal.json_mode or not (
        environment.stdin.isatty() and environment.stderr.isatty()
    ):
        raise Refused(
            "nobody is there to confirm it: nothing was deleted",
            f"look at it with --dry-run, then say --confirm {cluster}",
        )
    from sophia_cli.ops.cleaning import check_confirmed

    for line in plan.lines():
        environment.stderr.write(f"{line}\n")
    if plan.without_backup:
        environment.stderr.write("No backup is taken: what goes is gone for good.\n")
    environment.stderr.write(f"Type the cluster's name to delete this ({cluster}): ")
    environment.stderr.flush()
    check_confirmed(cluster, environment.stdin.readline().strip())


def _say(terminal: Terminal, plan: CleanPlan) -> None:
    for line in plan.lines():
        terminal.line(line)
    if plan.empty:
        terminal.note("nothing to delete")
    elif plan.without_backup:
        terminal.note("without a backup")


def _say_done(terminal: Terminal, cleaned: list[Cleaned]) -> None:
    for each in cleaned:
        terminal.line(f"{each.host}: deleted {each.summary}")
        if each.backup:
            terminal.line(f"{each.host}: its backup is in {each.backup}")


def _rows(plan: CleanPlan) -> list[dict[str, Any]]:
    return [
        {
            "host": each.host,
            "would_delete": None
            if each.change is None
            else each.change.summary.removeprefix("delete "),
            "backup": None if each.backup is None else each.backup.directory,
            "stay": list(each.others),
        }
        for each in plan.hosts
    ]
