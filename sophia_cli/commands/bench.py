"""`sophia bench`: how fast it is on this machine, beside the targets and an earlier run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sophia_cli.bench.compare import Comparison, compare
from sophia_cli.bench.dataset import read_dataset
from sophia_cli.bench.own import OnDataset, own_run
from sophia_cli.bench.result_file import as_document, read, write
from sophia_cli.bench.results import Run
from sophia_cli.bench.running import run
from sophia_cli.bench.scenarios import SCENARIOS, Scenario
from sophia_cli.bench.screen import show_comparison, show_run
from sophia_cli.commands.options import path_of
from sophia_cli.commands.rendering import place_of
from sophia_cli.config.keys import nearest
from sophia_cli.errors import InvalidInput
from sophia_cli.exit_status import ExitStatus
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome, Terminal

_ALL = "all"
_APART = [name for name, each in SCENARIOS.items() if each.apart]
_HELP = f"{', '.join(SCENARIOS)}; all by default, but for {', '.join(_APART)}."
_RECALL = "recall"
_MOST_MISTAKES = 50
_MOST_MEMORIES = 10_000_000
_SECONDS = (0.05, 3600.0)


def command(
    context: typer.Context,
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO", help=_HELP),
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
    dataset: Annotated[
        str | None, typer.Option(help="Recall on this labelled set, JSONL.", metavar="FILE")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Recall on your own marked questions; see feedback.")
    ] = False,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the ranking on your own marked questions.")
    ] = False,
    revert: Annotated[
        bool, typer.Option("--revert", help="Rank by the weights that ship with sophia again.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before switching to what --fit found.")
    ] = False,
) -> Outcome:
    """Measure speed and recall on a store of its own, beside the targets.

    Your memories are not touched: --own reads them, --fit changes their ranking if you say so.
    With --compare the exit code is 1 when something got slower or worse beyond the noise.

    \b
    Examples:
      sophia bench
      sophia bench embedding cache --seconds 1
      sophia bench --out before.json --report bench.html
      sophia bench --compare before.json
      sophia bench scale --memories 100000
      sophia bench recall --dataset questions.jsonl
      sophia bench recall --own --compare before.json
      sophia bench recall --fit
    """
    invocation = Invocation.of(context)
    on_recall = {"--dataset": dataset is not None, "--own": own, "--fit": fit, "--revert": revert}
    asked_for = [option for option, given in on_recall.items() if given]
    chosen = _scenarios(scenarios or ([_RECALL] if asked_for else [_ALL]))
    _check(memories, seconds)
    _check_recall(chosen, asked_for)
    if yes and not fit:
        raise InvalidInput("--yes goes with --fit")
    if fit or revert:
        _alone(asked_for[0], {"--compare": compare_, "--out": out, "--report": report})
        from sophia_cli.commands import bench_fit

        return bench_fit.fitted(invocation, yes=yes) if fit else bench_fit.reverted(invocation)
    page, result = (_writable(invocation, *each) for each in (("--report", report), ("--out", out)))
    before = None if compare_ is None else read(path_of(invocation, compare_))
    if own:
        with invocation.service() as service:
            measured = own_run(
                service,
                invocation.config.recall.candidates,
                invocation.now,
                invocation.terminal.progress,
            )
    else:
        if dataset is not None:
            chosen = _on(invocation, dataset, chosen)
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
    return [
        each
        for name, each in SCENARIOS.items()
        if name in names or (_ALL in names and not each.apart)
    ]


def _check_recall(chosen: Sequence[Scenario], asked_for: Sequence[str]) -> None:
    """Checks that options about recall go with each other and with what is measured."""
    if len(asked_for) > 1:
        raise InvalidInput(f"{asked_for[0]} and {asked_for[1]} exclude each other")
    names = [each.name for each in chosen]
    for option in asked_for:
        if _RECALL not in names or (option != "--dataset" and names != [_RECALL]):
            raise InvalidInput(f"{option} goes with recall", f"say sophia bench recall {option}")


def _alone(option: str, others: Mapping[str, str | None]) -> None:
    for other, given in others.items():
        if given is not None:
            raise InvalidInput(
                f"{other} does not go with {option}", f"use {other} with recall, --own or --dataset"
            )


def _on(invocation: Invocation, given: str, chosen: Sequence[Scenario]) -> list[Scenario]:
    """The scenarios, with recall on the labelled set of a file; every mistake in it is told."""
    path = path_of(invocation, given)
    dataset = read_dataset(path, invocation.now)
    if dataset.mistakes:
        lines = [f"{place_of(bad)}: {bad.reason}" for bad in dataset.mistakes]
        if len(lines) == 1:
            raise InvalidInput(lines[0], "docs/recall-quality.md has the format")
        for line in lines[:_MOST_MISTAKES]:
            invocation.terminal.note(line)
        raise InvalidInput(
            f"{len(lines):,} mistakes, nothing was measured; the first: {lines[0]}",
            "docs/recall-quality.md has the format",
        )
    return [
        OnDataset(each.name, each.about, each.store, dataset=dataset)
        if each.name == _RECALL
        else each
        for each in chosen
    ]


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
