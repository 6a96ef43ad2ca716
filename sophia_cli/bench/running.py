"""One run: a fresh store, every measurement visited in turns, everything removed at the end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType

from sophia_cli.bench.context import Context, Progress
from sophia_cli.bench.load import LoadMeasurement
from sophia_cli.bench.machine import this_machine
from sophia_cli.bench.measure import VISITS, Measurement
from sophia_cli.bench.pace import pace_of_this_machine
from sophia_cli.bench.results import (
    Figure,
    Load,
    Measured,
    RecallAt,
    Run,
    ScenarioResult,
    Skipped,
)
from sophia_cli.bench.scenarios import Scenario, Step
from sophia_cli.bench.store import MadeUp, fill, fresh_home, service_in
from sophia_cli.config.model import Config
from sophia_cli.environment import utc_now

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_WISH = 10.0


def run(
    scenarios: Sequence[Scenario],
    config: Config,
    *,
    memories: int,
    seconds: float,
    progress: Progress,
    check: Callable[[], None],
) -> Run:
    """Measures scenarios on a store of `memories` made-up turns, filled if one asks for it.

    Args:
        config: whose embedder and search are measured; always on the embedded engines.
        seconds: how long each call may be measured.
        check: called between steps; it raises `Interrupted` once the user has had enough.

    Raises:
        TierDown: the embedder or an engine cannot serve.
    """
    machine, moment, started = this_machine(), utc_now(), time.perf_counter()
    shown, made_up = _checked(check, progress), MadeUp()
    with (
        _ended_by_signals(),
        fresh_home() as home,
        service_in(home, config, made_up) as service,
        pace_of_this_machine(home.root) as pace,
    ):
        if any(scenario.store for scenario in scenarios):
            quickly = any(scenario.apart for scenario in scenarios)
            with (
                made_up.filling() if quickly else nullcontext(),
                shown("filling the store", memories) as advance,
            ):
                fill(service, memories, advance)
        context = Context(service, home, config, memories, shown)
        with context.ends:
            steps = {each.name: _prepared(each, context, check) for each in scenarios}
            visited = [
                step
                for each in steps.values()
                for step in each
                if isinstance(step, Measurement | LoadMeasurement)
            ]
            with shown("measuring", VISITS * len(visited)) as advance:
                for step in visited * VISITS:
                    step.visit(seconds, pace)
                    advance(1)
        model = service.embedder.model
    return Run(
        started=moment.isoformat(timespec="seconds"),
        memories=memories,
        seconds=seconds,
        model=model,
        took=round(time.perf_counter() - started, 1),
        machine=machine,
        scenarios=tuple(_result(each, memories, steps[each.name]) for each in scenarios),
    )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does; else the engines would outlive it.

    Those that follow within ten seconds add nothing: an impatient second Ctrl-C would break off the
    removal of what the first one ended. One that comes after that finds a process that is ending.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = -_ONE_WISH

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal ended
        if time.monotonic() - ended >= _ONE_WISH:
            ended = time.monotonic()
            raise KeyboardInterrupt

    heard = [each for each in _ENDING if signal.getsignal(each) != signal.SIG_IGN]  # not by nohup
    kept = {each: signal.signal(each, end) for each in heard}
    try:
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler if ended < 0 else signal.SIG_IGN)


def _checked(check: Callable[[], None], progress: Progress) -> Progress:
    """The same progress, which ends at a step when the run is to end."""

    @contextmanager
    def shown(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        with progress(what, total) as advance:

            def step(count: int) -> None:
                advance(count)
                check()

            yield step

    return shown


def _prepared(scenario: Scenario, context: Context, check: Callable[[], None]) -> list[Step]:
    steps = []
    for step in scenario.run(context):
        check()
        steps.append(step)
    return steps


def _result(scenario: Scenario, memories: int, steps: Sequence[Step]) -> ScenarioResult:
    measured: list[Measured] = []
    for step in steps:
        if isinstance(step, Measurement | LoadMeasurement):
            measured.extend(step.results())
        else:
            measured.append(step)
    return ScenarioResult(
        scenario.name,
        memories if scenario.store else None,
        tuple(each for each in measured if isinstance(each, Figure)),
        tuple(each for each in measured if isinstance(each, Load)),
        tuple(each for each in measured if isinstance(each, RecallAt)),
        tuple(each for each in measured if isinstance(each, Skipped)),
    )
