"""`sophia bench`: how fast it is on this machine, beside the targets and an earlier run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sophia_cli.bench.compare import Comparison, compare
from sophia_cli.bench.result_file import as_document, read, write
from sophia_cli.bench.results import Run
from sophia_cli.bench.running import run
from sophia_cli.bench.scenarios import SCENARIOS, Scenario
from sophia_cli.bench.screen import show_comparison, show_run
from sophia_cli.commands.options import path_of
from sophia_cli.config.keys import nearest
from sophia_cli.errors import InvalidInput
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

_ALL = "all"
_MOST_MEMORIES = 10_000_000
_SECONDS = (0.05, 3600.0)


def command(
    context: typer.Context,
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}; all by default."),
    ] = None,
    memories: Annotated[
        int, typer.Option(help="How many the store holds that is searched.", metavar="N")
    ] = 2_000,
    seconds: Annotated[
        float, typer.Option(help="How long each measurement may take.", metavar="S")
    ] = 3.0,
    compare_: Annotated[
        str | None,
        typer.Option("--compare", help="Say what got slower since this result.", metavar="OLD"),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write the result, for --compare.", metavar="FILE")
    ] = None,
    report: Annotated[
        str | None, typer.Option(help="Write a page with plots.", metavar="FILE")
    ] = None,
) -> Outcome:
    """Measure speed on a store of its own, beside the targets; your memories are not touched.

    With --compare the exit code is 1 when something got slower or worse beyond the noise.

    \b
    Examples:
      sophia bench
      sophia bench embedding cache --seconds 1
      sophia bench --out before.json --report bench.html
      sophia bench --compare before.json
    """
    invocation = Invocation.of(context)
    chosen = _scenarios(scenarios or [_ALL])
    _check(memories, seconds)
    page, result = (_writable(invocation, *each) for each in (("--report", report), ("--out", out)))
    before = None if compare_ is None else read(path_of(invocation, compare_))
    measured = run(
        chosen,
        invocation.config,
        memories=memories,
        seconds=seconds,
        progress=invocation.terminal.progress,
        check=invocation.environment.check_cancelled,
    )
    comparison = None if before is None else compare(before, measured)
    if result is not None:
        write(measured, result)
    if page is not None:
        from sophia_cli.bench.report import page as rendered

        page.write_text(rendered(measured, comparison), "utf-8")
    return _outcome(measured, comparison)


def _outcome(measured: Run, comparison: Comparison | None) -> Outcome:
    row: dict[str, Any] = as_document(measured)
    worse = False
    if comparison is not None:
        row["comparison"] = comparison.as_json()
        worse = bool(comparison.of("worse"))

    def text(terminal: Terminal) -> None:
        show_run(terminal, measured)
        if comparison is not None:
            show_comparison(terminal, comparison)

    return Outcome([row], text, exit_status=ExitStatus.FAILED if worse else ExitStatus.OK)


def _scenarios(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names, in their own order."""
    for name in names:
        if name != _ALL and name not in SCENARIOS:
            meant = nearest(name, (*SCENARIOS, _ALL))
            raise InvalidInput(
                f"there is no scenario {name[:60]!r}",
                f"did you mean {meant}?" if meant else f"there are {', '.join(SCENARIOS)}",
            )
    return [each for name, each in SCENARIOS.items() if _ALL in names or name in names]


def _check(memories: int, seconds: float) -> None:
    if not 1 <= memories <= _MOST_MEMORIES:
        raise InvalidInput(f"--memories {memories} is not between 1 and {_MOST_MEMORIES:,}")
    least, most = _SECONDS
    if not least <= seconds <= most:
        raise InvalidInput(f"--seconds {seconds:g} is not between {least:g} and {most:g}")


def _writable(invocation: Invocation, option: str, given: str | None) -> Path | None:
    """A path that can be written later; a run of minutes should not end in a mistyped one."""
    if given is None:
        return None
    path = path_of(invocation, given)
    if path.is_dir():
        raise InvalidInput(f"{option}: {path} is a directory")
    if not path.parent.is_dir():
        raise InvalidInput(f"{option}: there is no directory {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidInput(f"{option}: {path} cannot be written")
    return path
