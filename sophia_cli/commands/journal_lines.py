"""How a journal looks to people: a line an event, and below it what a failure said."""

from __future__ import annotations

from collections.abc import Sequence

from sophia_cli.ops.journal_event import Event, What
from sophia_cli.terminal import Terminal

_STYLES = {
    What.STEP_FAILED: "red",
    What.STEP_UNKNOWN: "yellow",
    What.STEP_UNCHANGED: "dim",
    What.STEP_STARTED: "dim",
}


def show(terminal: Terminal, events: Sequence[Event], *, verbose: bool) -> None:
    """Prints events, those of a run below its id.

    Args:
        verbose: also the commands of each.
    """
    run = None
    for event in events:
        if event.run != run:
            run = event.run
            terminal.line(_plain(f"{run}  {event.user}  sophia {event.version}"), style="bold")
        style = "red" if event.outcome == "failed" else _STYLES.get(event.what)
        terminal.line(f"  {_line(event)}", style=style)
        if verbose:
            for command in event.commands:
                terminal.line(f"      $ {_plain(command)}", style="dim")
        if verbose or event.what in (What.STEP_FAILED, What.STEP_UNKNOWN) or style == "red":
            for line in event.output:
                terminal.line(f"      {_plain(line)}")


def _line(event: Event) -> str:
    about = ": ".join(part for part in (event.step or event.phase, event.summary) if part)
    words = [f"{event.at:%Y-%m-%d %H:%M:%S}", event.host, event.what.value, about, event.outcome]
    if event.exit_status is not None:
        words.append(f"status {event.exit_status}")
    if event.seconds is not None:
        words.append(f"({event.seconds:.1f} s)")
    return "  ".join(_plain(word) for word in words if word)


def _plain(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
