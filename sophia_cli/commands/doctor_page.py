"""What doctor and health print: findings by subject, the worst first; and as rows for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sophia_cli.checks.check import Check, Finding, Verdict
from sophia_cli.checks.fixing import Ran
from sophia_cli.checks.kept import Change
from sophia_cli.checks.registry import title_of
from sophia_cli.checks.running import Looked
from sophia_cli.exit_status import ExitStatus
from sophia_cli.terminal import Terminal

_STYLES = {
    Verdict.FAIL: "bold red",
    Verdict.UNKNOWN: "magenta",
    Verdict.WARN: "yellow",
    Verdict.PASS: "green",
    Verdict.SKIPPED: "dim",
}
_NAMES = {
    Verdict.FAIL: ("failed", "failed"),
    Verdict.UNKNOWN: ("unknown", "unknown"),
    Verdict.WARN: ("warning", "warnings"),
    Verdict.PASS: ("passed", "passed"),
    Verdict.SKIPPED: ("skipped", "skipped"),
}
_UNHEALTHY = (Verdict.FAIL, Verdict.UNKNOWN)
_FINE = (Verdict.PASS, Verdict.SKIPPED)


def status_of(looked: Sequence[Looked]) -> ExitStatus:
    """Unhealthy where anything failed, or could not be looked at."""
    unwell = any(each.verdict in _UNHEALTHY for each in looked)
    return ExitStatus.UNHEALTHY if unwell else ExitStatus.OK


def rows(looked: Sequence[Looked]) -> list[dict[str, Any]]:
    """One object a finding."""
    return [
        {
            "check": each.check.number,
            "title": each.check.title,
            "group": title_of(each.check.subject),
            "subject": finding.subject or None,
            "severity": each.check.severity.value,
            "verdict": finding.verdict.value,
            "says": finding.says,
            "evidence": list(finding.evidence),
            "command": _mend(each.check, finding) or None,
            "fixable": each.check.fixable,
            "duration_ms": round(each.seconds * 1000, 1),
        }
        for each in looked
        for finding in each.findings
    ]


def show(
    terminal: Terminal, looked: Sequence[Looked], *, verbose: bool, debug: bool = False
) -> None:
    """Every subject: what is wrong line by line, what is fine in one line together."""
    by_subject: dict[str, list[Looked]] = {}
    for each in looked:
        by_subject.setdefault(each.check.subject, []).append(each)
    for subject, group in by_subject.items():
        wrong = [(each, f) for each in group for f in each.findings if f.verdict not in _FINE]
        if not wrong and not verbose:
            _in_one_line(terminal, subject, group)
            continue
        terminal.line(title_of(subject), style="bold")
        for alike, finding in _alike(wrong):
            _finding(terminal, alike, finding, verbose=verbose)
        if verbose:
            for looked_ in group:
                for finding in looked_.findings:
                    if finding.verdict in _FINE:
                        _finding(terminal, [looked_], finding, verbose=True)
        elif fine := sum(all(f.verdict in _FINE for f in each.findings) for each in group):
            terminal.line(f"  {'pass':7}  {fine} of its {len(group)} checks", style="green")
    if debug:
        for trace in dict.fromkeys(each.trace for each in looked if each.trace):
            terminal.note(trace)


def summary(looked: Sequence[Looked], seconds: float) -> str:
    """How many checks came to what, in one line."""
    counts = Counter(each.verdict for each in looked)
    parts = [
        f"{counts[verdict]} {_NAMES[verdict][counts[verdict] != 1]}"
        for verdict in _NAMES
        if counts[verdict]
    ]
    return f"{', '.join(parts) or 'nothing was looked at'} in {seconds:.1f} s"


def show_changes(terminal: Terminal, changes: Sequence[Change], since: datetime | None) -> None:
    """What has another verdict than it had."""
    if since is None:
        terminal.note("there was no run before this one")
        return
    terminal.line(f"since {since:%Y-%m-%d %H:%M} UTC", style="bold")
    for each in changes:
        was = each.before.verdict if each.before else "new"
        now = each.now or each.before
        is_ = each.now.verdict if each.now else "gone"
        where = f" {each.subject}" if each.subject else ""
        style = _STYLES[Verdict(each.now.verdict)] if each.now else "dim"
        says = f": {now.says}" if now else ""
        terminal.line(f"  {each.check} {was} -> {is_}{where}{says}", style=style)
    if not changes:
        terminal.line("  nothing has changed")


def change_rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """One object a change."""
    return [
        {
            "check": each.check,
            "subject": each.subject or None,
            "before": each.before.verdict if each.before else None,
            "verdict": each.now.verdict if each.now else None,
            "says": each.now.says if each.now else None,
        }
        for each in changes
    ]


def show_explained(terminal: Terminal, check: Check) -> None:
    """What a check means, why it matters and how to mend it."""
    terminal.line(f"{check.number} {check.title}", style="bold")
    terminal.line(f"{check.severity.value}; {title_of(check.subject)}", style="dim")
    terminal.line()
    terminal.line(check.meaning)
    terminal.line()
    terminal.line(f"to mend it: {check.mend}")
    if check.fixable:
        terminal.line(
            "`sophia doctor --fix` may run what is shown with a finding: it loses nothing"
        )
    if check.fast:
        terminal.line("`sophia health` looks at it too")


def explained_row(check: Check) -> dict[str, Any]:
    """A check as an object."""
    return {
        "check": check.number,
        "title": check.title,
        "group": title_of(check.subject),
        "severity": check.severity.value,
        "meaning": check.meaning,
        "mend": check.mend,
        "fixable": check.fixable,
        "fast": check.fast,
    }


def show_ran(terminal: Terminal, ran: Sequence[Ran]) -> None:
    """What was run to mend it."""
    for each in ran:
        state = "ran" if each.status == 0 else f"ended with {each.status}"
        said = f": {each.said}" if each.said else ""
        terminal.note(f"{state}: {each.fix.command} ({', '.join(each.fix.checks)}){said}")


def _in_one_line(terminal: Terminal, subject: str, group: Sequence[Looked]) -> None:
    made = [each for each in group if each.verdict is not Verdict.SKIPPED]
    if made:
        count = "1 check" if len(made) == 1 else f"{len(made)} checks"
        terminal.line(f"pass     {title_of(subject)}: {count}", style="green")
        return
    reasons = list(dict.fromkeys(f.says for each in group for f in each.findings))
    why = reasons[0] if len(reasons) == 1 else f"{len(group)} checks do not apply"
    terminal.line(f"skipped  {title_of(subject)}: {why}", style="dim")


def _alike(
    wrong: Sequence[tuple[Looked, Finding]],
) -> list[tuple[list[Looked], Finding]]:
    """What could not be looked at for one and the same reason, together."""
    found: dict[tuple[Verdict, str, str, str], tuple[list[Looked], Finding]] = {}
    for looked, finding in wrong:
        own = "" if finding.verdict is Verdict.UNKNOWN else looked.check.number
        key = (finding.verdict, finding.says, finding.subject, own)
        found.setdefault(key, ([], finding))[0].append(looked)
    return list(found.values())


def _finding(
    terminal: Terminal, looked: Sequence[Looked], finding: Finding, *, verbose: bool
) -> None:
    numbers = ", ".join(each.check.number for each in looked)
    title = f" {looked[0].check.title}" if len(looked) == 1 else ""
    where = f" [{finding.subject}]" if finding.subject else ""
    style = _STYLES[finding.verdict]
    line = f"  {finding.verdict.value:7}  {numbers}{title}{where}: {finding.says}"
    terminal.line(line, style=style)
    if finding.verdict in _FINE and not verbose:
        return
    for evidence in finding.evidence:
        terminal.line(f"             {evidence}", style="dim")
    if finding.verdict not in _FINE and (mend := _mend(looked[0].check, finding)):
        terminal.line(f"             to mend it: {mend}")


def _mend(check: Check, finding: Finding) -> str:
    if finding.verdict in _FINE:
        return ""
    if finding.verdict is Verdict.UNKNOWN:
        return finding.command
    return finding.command or check.mend
