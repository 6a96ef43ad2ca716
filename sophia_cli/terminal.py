"""All output goes through here: text and tables for people, one JSON object for programs."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sophia_cli.correlation import current
from sophia_cli.environment import Environment
from sophia_cli.errors import SophiaError
from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.trace import Trace

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_PROGRESS_AFTER = 1.0


@dataclass(slots=True)
class Outcome:
    """What a command came to.

    Attributes:
        data: one object a result, as `--json` prints it.
        text: writes the same for people.
        trace: which tier answered, how long each took, what was degraded.
        exit_status: OK unless something was left undone.
    """

    data: Sequence[Mapping[str, Any]]
    text: Callable[[Terminal], None]
    trace: Trace = field(default_factory=Trace)
    exit_status: ExitStatus = ExitStatus.OK


class Terminal:
    """The user's terminal or pipe.

    Args:
        environment: whose streams are written to.
        json_mode: print one JSON object and nothing else on stdout.
        quiet: results only; no notes.
        colour: False switches colour off; otherwise a terminal without NO_COLOR has it.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        json_mode: bool = False,
        quiet: bool = False,
        colour: bool = True,
    ) -> None:
        self.environment = environment
        self.json_mode = json_mode
        self.quiet = quiet
        self._colour = colour and not environment.variables.get("NO_COLOR")
        self._out: Console | None = None
        self._err: Console | None = None

    @property
    def out(self) -> Console:
        """The console for results."""
        if self._out is None:
            self._out = self._console(self.environment.stdout)
        return self._out

    @property
    def err(self) -> Console:
        """The console for messages; with --json and --quiet it says nothing."""
        if self._err is None:
            self._err = self._console(self.environment.stderr)
            self._err.quiet = self.json_mode or self.quiet
        return self._err

    def line(self, text: str = "", style: str | None = None) -> None:
        """One line of a result; the text is taken as it is, never as markup."""
        self.out.print(text, style=style, markup=False, highlight=False, emoji=False)

    def show(self, renderable: RenderableType) -> None:
        """A table or another renderable."""
        self.out.print(renderable)

    def note(self, text: str) -> None:
        """A message beside the result: on stderr, left out with --quiet."""
        if not self.quiet:
            self.environment.stderr.write(f"{text}\n")
            self.environment.stderr.flush()

    def table(self, *columns: str, rows: Sequence[Sequence[str]]) -> None:
        """A plain table without frames, which a pipe can cut as well."""
        self.show(plain_table(*columns, rows=rows))

    @contextlib.contextmanager
    def live(self) -> Iterator[Callable[[RenderableType], None]]:
        """A view that is renewed in its place; where that cannot be, each one below the last.

        Yields a function that shows the next one.
        """
        out = self.out

        def below(renderable: RenderableType) -> None:
            self.show(renderable)
            self.line()
            out.file.flush()

        if not out.is_terminal or out.is_dumb_terminal:
            yield below
            return
        from rich.live import Live

        # It would put itself in the place of the streams of the process that it runs in.
        with Live(
            console=out, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        ) as view:

            def in_place(renderable: RenderableType) -> None:
                if size := _size(self.environment.stdout):
                    out.size = size
                view.update(renderable, refresh=True)

            yield in_place

    def finish(self, command: str, outcome: Outcome, started: float) -> None:
        """Prints the outcome: the envelope for programs, or text and the degraded for people."""
        degraded = outcome.trace.degraded
        if self.json_mode:
            status = "degraded" if degraded else "ok"
            if outcome.exit_status is not ExitStatus.OK:
                status = "degraded" if outcome.exit_status is ExitStatus.PARTLY_DONE else "error"
            self._json(
                {
                    "status": status,
                    "command": command,
                    "duration_ms": _since(started),
                    "count": len(outcome.data),
                    "data": list(outcome.data),
                    "degraded": degraded,
                    "trace": outcome.trace.as_json(),
                    "error": None,
                }
            )
            return
        outcome.text(self)
        for reason in degraded:
            self.note(f"degraded: {reason}")

    def fail(
        self, command: str | None, error: SophiaError, started: float, *, verbose: bool = False
    ) -> None:
        """Prints an error: what is wrong, where, and how to mend it.

        Args:
            verbose: also which request it was, for who looks it up in the logs.
        """
        request = current()
        if self.json_mode:
            self._json(
                {
                    "status": "error",
                    "command": command,
                    "duration_ms": _since(started),
                    "count": 0,
                    "data": [],
                    "degraded": [],
                    "trace": {"request": request} if request else {},
                    "error": {"code": error.code, "message": error.message, "hint": error.hint},
                }
            )
            return
        self.environment.stderr.write(f"sophia: {error.message}\n")
        if error.hint:
            self.environment.stderr.write(f"  {error.hint}\n")
        if verbose and request:
            self.environment.stderr.write(f"  request {request}\n")
        self.environment.stderr.flush()

    @contextlib.contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A progress bar on stderr for what takes over a second, on a terminal only.

        Yields a function that is told how much was done.
        """
        if self.json_mode or self.quiet or not self.environment.stderr.isatty():
            yield lambda _: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        started = time.monotonic()
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
            console=self._console(self.environment.stderr),
            transient=True,
        )
        task = bar.add_task(what, total=total)
        shown = False

        def advance(count: int) -> None:
            nonlocal shown
            bar.advance(task, count)
            if not shown and time.monotonic() - started > _PROGRESS_AFTER:
                shown = True
                bar.start()

        try:
            yield advance
        finally:
            if shown:
                bar.stop()

    def _json(self, record: Mapping[str, Any]) -> None:
        self.environment.stdout.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    def _console(self, stream: Any) -> Console:
        from rich.console import Console

        terminal = stream.isatty()
        size = _size(stream) if terminal else None
        console = Console(
            file=stream,
            force_terminal=terminal,
            no_color=not self._colour,
            soft_wrap=not terminal,
            width=(size[0] if size else None) if terminal else 10_000,
            height=size[1] if size else None,
            legacy_windows=False,
            _environ=self.environment.variables,
        )
        console.on_broken_pipe = _nobody_reads  # type: ignore[method-assign]
        return console


def plain_table(*columns: str, rows: Sequence[Sequence[str]]) -> Table:
    """A table without frames, which a pipe can cut as well."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _nobody_reads() -> None:
    """In place of rich's own way, which ends Python and redirects the process's streams."""
    raise BrokenPipeError


def _size(stream: Any) -> tuple[int, int] | None:
    """Columns and lines of this terminal; rich would ask for those of the process it runs in."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except OSError:
        return None
    return (columns, lines) if columns and lines else None


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
