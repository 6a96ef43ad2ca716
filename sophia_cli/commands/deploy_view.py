"""A deployment as people see it: a line for each thing done, and below what each host is doing."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sophia_cli.ops.journal_event import Event, What
from sophia_cli.terminal import Terminal, plain_table

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_MARKS = {
    What.STEP_CHANGED: ("changed", "green"),
    What.GATE_OPENED: ("passed", "green"),
    What.GUARDED: ("guarded", None),
    What.HOOK_ENDED: ("hook", None),
    What.STEP_FAILED: ("failed", "red"),
    What.STEP_UNKNOWN: ("unknown", "yellow"),
}
_WIDEST = 100


class DeployView:
    """Shows events on stderr: on a terminal with what each host does now, else line by line.

    Args:
        verbose: also what needed no change.
        hosts: the names, for the width of their column.
    """

    def __init__(self, terminal: Terminal, hosts: list[str], *, verbose: bool) -> None:
        self._terminal = terminal
        self._verbose = verbose
        self._width = max(map(len, [*hosts, "cluster"]))
        self._lock = threading.Lock()
        self._running: dict[str, tuple[str, float]] = {}
        self._live: Live | None = None
        self._begun = False

    def __enter__(self) -> Self:
        console = self._terminal.err
        if console.is_terminal and not console.is_dumb_terminal and not console.quiet:
            from rich.live import Live

            self._live = Live(
                get_renderable=self._now,
                console=console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, event: Event) -> None:
        """Shows one event."""
        with self._lock:
            self._begun = True
            if event.what is What.STEP_STARTED:
                self._running[event.host or "cluster"] = (event.step, time.monotonic())
                return
            if event.what is not What.GUARDED:
                self._running.pop(event.host or "cluster", None)
            if event.what is What.PHASE_STARTED:
                self._print(f"{event.phase}: {event.summary}", "bold")
            elif event.what in _MARKS:
                self._row(event, *_MARKS[event.what])
            elif event.what is What.STEP_UNCHANGED and self._verbose:
                self._row(event, "as it is", "dim")

    def say(self, host: str, text: str) -> None:
        """Shows what a host is doing now: its last line. Before the first step, all its lines."""
        with self._lock:
            if not self._begun:
                self._print(f"  {host:<{self._width}}  {text}")
            elif host in self._running:
                step = self._running[host][0].partition(": ")[0]
                self._running[host] = (f"{step}: {text}", self._running[host][1])

    def _row(self, event: Event, mark: str, style: str | None) -> None:
        says = " ".join(event.summary.split())
        text = event.step if not says else f"{event.step}: {says}"
        place = event.host or "cluster"
        spent = "" if event.seconds is None else f"  {event.seconds:.1f} s"
        self._print(f"  {place:<{self._width}}  {mark:<8}  {text}{spent}", style)

    def _print(self, text: str, style: str | None = None) -> None:
        self._terminal.err.print(text, style=style, markup=False, highlight=False, emoji=False)

    def _now(self) -> Table:
        now = time.monotonic()
        with self._lock:
            running = list(self._running.items())
        return plain_table(
            *("", "", ""),
            rows=[
                [host, f"{now - since:4.0f} s", " ".join(text.split())[:_WIDEST]]
                for host, (text, since) in running
            ],
        )
