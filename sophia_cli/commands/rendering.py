"""How memories look: the lines and JSON objects that several commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.model import Memory
from sophia_cli.memory.trace import Trace
from sophia_cli.reading import BadLine
from sophia_cli.terminal import Terminal


def show_recalled(
    terminal: Terminal, found: Sequence[Recalled], trace: Trace, *, explain: bool, verbose: bool
) -> None:
    """Recalled memories for people, best first, and which tier served them."""
    if not found:
        terminal.note("nothing was found")
    for place, recalled in enumerate(found, 1):
        memory = recalled.memory
        terminal.line(f"{place}. {memory.content}", style="bold" if place == 1 else None)
        terminal.line(f"   {facts(memory)} · {recalled.score:.2f} · {memory.id}", style="dim")
        if explain:
            parts = sorted(recalled.parts.items(), key=lambda part: -abs(part[1]))
            terminal.line("   " + " · ".join(f"{name} {part:+.2f}" for name, part in parts))
    if explain and trace.says:
        terminal.note(f"the question says: {said(trace.says)}")
    if explain or verbose:
        terminal.note(served(trace))


def facts(memory: Memory) -> str:
    """Kind, speaker, time and place of a memory, in one line."""
    moment = memory.said_at or memory.created_at
    known = [memory.kind.value, memory.speaker, f"{moment:%Y-%m-%d %H:%M}"]
    if memory.session:
        known.append(f"{memory.session}#{memory.turn}")
    known.extend(f"{key}={value}" for key, value in memory.tags.items())
    return " · ".join(part for part in known if part)


def said(says: Mapping[str, Any]) -> str:
    """What a question was understood to say, in one line."""
    parts = [", ".join(says.get("people", ()))]
    if guessed := says.get("perhaps_people"):
        parts.append(f"perhaps {', '.join(guessed)}")
    for span in says.get("times", ()):
        bounds = f"{(span['from'] or '')[:10]}..{(span['until'] or '')[:10]}"
        parts.append(f"{span['phrase']!r} {bounds}{' of any year' if span['any_year'] else ''}")
    parts += [f"wants {wanted}" for wanted in says.get("wants", ())]
    if kind := says.get("kind"):
        parts.append(f"about {kind}")
    parts += [f"embedded as {one_line(text)!r}" for text in says.get("embedded", ())]
    return " · ".join(part for part in parts if part)


def served(trace: Trace) -> str:
    """Which tier answered and how long each took."""
    tiers = " · ".join(f"{name} {spent:.1f}" for name, spent in trace.tiers.items())
    total = sum(trace.tiers.values())
    return f"served by {trace.served_by or 'records'} in {total:.1f} ms ({tiers})"


def one_line(text: str, width: int = 100) -> str:
    """The beginning of a text, in one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def place_of(bad: BadLine) -> str:
    """Where something could not be read: `notes.md:3`, or the file alone where it is all of it."""
    return f"{bad.source}:{bad.line}" if bad.line else bad.source
