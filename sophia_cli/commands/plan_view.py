"""A plan as people see it: what would be done on each host, with diffs and what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sophia_cli.ops.operations.operation import Change
from sophia_cli.ops.plan import Plan, Task, said
from sophia_cli.terminal import Terminal

_STYLES = {"change": "green", "later": "yellow", "nothing": "dim"}


def show_plan(
    terminal: Terminal, plan: Plan, redact: Callable[[str], str], *, verbose: bool, diff: bool
) -> None:
    """Shows a plan; with `verbose` also what needs no change and the commands."""
    for playbook in plan.phases:
        tasks = [task for task in plan.tasks if task.phase == playbook.phase]
        if not verbose:
            tasks = [task for task in tasks if task in plan.open]
        gates = [step for step in playbook.steps if step.gate is not None and plan.asked_of(step)]
        if not tasks:
            continue
        terminal.line(f"{playbook.phase}: {playbook.title}", style="bold")
        for alike in _alike(tasks, redact):
            _task(terminal, alike, redact, verbose=verbose, diff=diff)
        for step in gates:
            terminal.line(f"  then: {step.name} (gate {step.gate})", style="dim")
    terminal.line(summary(plan))


def summary(plan: Plan) -> str:
    """A plan in one line."""
    if not plan.open:
        return "no changes"
    hosts = {task.host for task in plan.open}
    later = sum(task.kind == "later" for task in plan.open)
    words = f"{len(plan.open)} changes on {len(hosts)} hosts"
    return f"{words}, {later} of them known later" if later else words


def _alike(tasks: Sequence[Task], redact: Callable[[str], str]) -> list[list[Task]]:
    """Tasks of one step that look the same on several hosts, together."""
    found: dict[tuple[object, ...], list[Task]] = {}
    for task in tasks:
        diff = task.outcome.diff if isinstance(task.outcome, Change) else ""
        found.setdefault((task.number, redact(task.says), diff), []).append(task)
    return list(found.values())


def _task(
    terminal: Terminal,
    alike: Sequence[Task],
    redact: Callable[[str], str],
    *,
    verbose: bool,
    diff: bool,
) -> None:
    task = alike[0]
    mark = {"change": "~", "later": "?", "nothing": "="}[task.kind]
    one_by_one = ", one host after the other" if task.step.one_by_one and len(alike) > 1 else ""
    hosts = ", ".join(each.host for each in alike)
    terminal.line(
        f"  {mark} {task.number:>2} {task.step.name}: {redact(task.says)}", style=_STYLES[task.kind]
    )
    terminal.line(f"       on {hosts}{one_by_one}", style="dim")
    if not isinstance(task.outcome, Change):
        return
    if task.outcome.destroys:
        terminal.line("       deletes data", style="red")
    if task.step.guard:
        terminal.line(f"       guarded by {task.step.guard}: drained, gated, audited")
    if diff and task.outcome.diff:
        for line in redact(task.outcome.diff).splitlines():
            style = {"+": "green", "-": "red"}.get(line[:1])
            terminal.line(f"       {line}", style=style)
    if verbose:
        for each in alike:
            _commands(terminal, each, redact)


def _commands(terminal: Terminal, task: Task, redact: Callable[[str], str]) -> None:
    if isinstance(task.outcome, Change):
        for action in task.outcome.actions:
            for number, line in enumerate(redact(said(action)).splitlines()):
                mark = f"{task.host} $" if number == 0 else " " * (len(task.host) + 2)
                terminal.line(f"       {mark} {line}", style="dim")
