"""`sophia bench recall --fit` and `--revert`: the ranking fitted on what was marked, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from sophia_cli.bench.own import HOW_TO_MARK, fit, switch
from sophia_cli.invocation import Invocation
from sophia_cli.memory.ranking.tuning import DECIDES, FEWEST, Gain, Tuning
from sophia_cli.terminal import Outcome, Terminal

_BACK = "sophia bench recall --revert goes back to those that ship"


def fitted(invocation: Invocation, *, yes: bool) -> Outcome:
    """Fits weights, says what they gain, and switches where that is real and the user wants it."""
    terminal = invocation.terminal
    with invocation.service() as service:
        tuning = fit(
            service, invocation.config.recall.candidates, invocation.now, terminal.progress
        )
        asks = tuning.is_real and not yes and _can_ask(invocation)
        if asks:
            _show(terminal, tuning)
        wanted = tuning.is_real and (yes or (asks and _confirmed(invocation)))
        name = switch(service, tuning, invocation.now) if wanted else None
        stored = service.records.feedback.weights()
    in_use = "shipped" if stored is None else f"fitted-{stored.id}"

    def text(terminal: Terminal) -> None:
        if not asks:
            _show(terminal, tuning)
        if name is not None:
            terminal.line(f"switched: {name} ranks from now on; {_BACK}")
            return
        terminal.line(f"nothing was switched: {in_use} weights rank")
        if tuning.is_real and not asks:
            terminal.note("give --yes to switch")

    return Outcome([_row(tuning, in_use, switched=name is not None)], text)


def reverted(invocation: Invocation) -> Outcome:
    """Ranks by the weights that ship with sophia again."""
    with invocation.service() as service:
        changed = service.records.feedback.revert()

    def text(terminal: Terminal) -> None:
        done = "reverted: they rank again" if changed else "nothing to revert: they rank already"
        terminal.line(f"{done}, the weights that ship with sophia")

    return Outcome([{"reverted": changed, "in_use": "shipped"}], text)


def _show(terminal: Terminal, tuning: Tuning) -> None:
    terminal.line(_counted(tuning), style="bold")
    if tuning.gains:
        terminal.table(
            *("not seen in fitting", "shipped", "fitted", "change", "95 % interval"),
            rows=[
                [name, _percent(gain.shipped), _percent(gain.fitted), *_changes(gain)]
                for name, gain in tuning.gains.items()
            ],
        )
    terminal.line(_verdict(tuning))


def _counted(tuning: Tuning) -> str:
    count = tuning.questions
    questions = "1 question has" if count == 1 else f"{count} questions have"
    unreached = f", not among its candidates for {tuning.unreached}" if tuning.unreached else ""
    return f"{questions} something right marked{unreached}"


def _verdict(tuning: Tuning) -> str:
    if tuning.questions < FEWEST:
        return f"too few to switch, from {FEWEST} on it is possible: {HOW_TO_MARK}"
    if not np.isfinite(tuning.hold):
        return "the weights that ship fit these questions as well as any that they would make"
    gain = tuning.gains[DECIDES]
    change, between = _changes(gain)
    if tuning.is_real:
        return f"the gain is real: {DECIDES} {change} ({between})"
    return f"not more than chance may bring: {DECIDES} {change} ({between})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _changes(gain: Gain) -> tuple[str, str]:
    return f"{100 * gain.value:+.1f} points", f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}"


def _can_ask(invocation: Invocation) -> bool:
    return not invocation.terminal.json_mode and invocation.environment.stdin.isatty()


def _confirmed(invocation: Invocation) -> bool:
    environment = invocation.environment
    environment.stdout.flush()
    environment.stderr.write("rank by the fitted weights from now on? [y/N] ")
    environment.stderr.flush()
    return environment.stdin.readline().strip().lower() in ("y", "yes")


def _row(tuning: Tuning, in_use: str, *, switched: bool) -> dict[str, Any]:
    return {
        "questions": tuning.questions,
        "unreached": tuning.unreached,
        "hold": tuning.hold if np.isfinite(tuning.hold) else None,
        "gains": {
            name: asdict(gain) | {"change": gain.value} for name, gain in tuning.gains.items()
        },
        "real": tuning.is_real,
        "switched": switched,
        "in_use": in_use,
        "weights": tuning.weights,
    }
