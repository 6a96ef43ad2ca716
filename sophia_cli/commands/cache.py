"""`sophia cache`: what is kept in front of the memory, emptied and filled."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sophia_cli.errors import InvalidInput
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.memory.marking import marked_questions
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_text
from sophia_cli.terminal import Outcome, Terminal
from sophia_cli.tiers.gpu_cache import readings

_PAGE = 500

group = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="What is kept in front of the memory: answers and vectors.\n\n\b\nExamples:\n"
    "  sophia cache stats\n  sophia cache clear\n  sophia cache warm questions.txt",
)


@group.command(cls=Command)
def stats(context: typer.Context) -> Outcome:
    """Show what this process keeps, and what a GPU says of itself where there is one.

    \b
    Examples:
      sophia cache stats
      sophia cache stats --json
    """
    with Invocation.of(context).service() as service:
        kept, gpu, fault = service.front.stats(), readings(), service.front_fault
    figures = asdict(kept) | {"gpu": asdict(gpu)}
    trace = Trace(served_by="gpu_cache")
    if fault is not None:
        trace.degrade(fault)

    def text(terminal: Terminal) -> None:
        where = f" on {kept.device} ({kept.library}, {kept.dtype})" if kept.device else ""
        terminal.line(f"vectors: {kept.state}{where}, room for {kept.capacity:,}")
        terminal.table(
            "",
            "entries",
            "MB",
            "of MB",
            "hits",
            "misses",
            "evicted",
            rows=[
                [
                    name,
                    f"{each.entries:,}",
                    f"{each.bytes / 1e6:.1f}",
                    f"{each.budget / 1e6:.1f}",
                    f"{each.hits:,}",
                    f"{each.misses:,}",
                    f"{each.evictions:,}",
                ]
                for name, each in (("answers", kept.answers), ("vectors", kept.vectors))
            ],
        )
        for note in kept.notes:
            terminal.line(f"note: {note}")
        for device in gpu.gpus:
            terminal.line(f"GPU {device.index}: {_shown(asdict(device))}")

    return Outcome([figures], text, trace)


@group.command(cls=Command)
def clear(context: typer.Context) -> Outcome:
    """Empty the caches: this process's answers and vectors, and the answers in the hot cache.

    Nothing is lost: what is asked next is searched again.

    \b
    Examples:
      sophia cache clear
    """
    with Invocation.of(context).service() as service:
        answers, vectors = service.front.stats().answers.entries, service.front.rows.clear()
        hot = service.answers.erase_answers()
    gone = {"answers": answers, "vectors": vectors, "hot_cache": hot}
    return Outcome(
        [gone],
        lambda terminal: terminal.line(
            f"erased {answers:,} answers and {vectors:,} vectors here,"
            f" {hot:,} answers in the hot cache"
        ),
        Trace(served_by="gpu_cache"),
    )


@group.command(cls=Command)
def warm(
    context: typer.Context,
    questions: Annotated[
        Path | None, typer.Argument(help="A question a line; without it, those that were marked.")
    ] = None,
) -> Outcome:
    """Fill the caches: the vectors of the newest memories, and the answers to known questions.

    \b
    Examples:
      sophia cache warm
      sophia cache warm questions.txt
    """
    invocation = Invocation.of(context)
    asked = None if questions is None else _questions(invocation, questions)
    trace, recall = Trace(served_by="records"), invocation.config.recall
    with invocation.service() as service:
        if asked is None:
            marked = marked_questions(service.records, invocation.now)
            asked = [replace(each.question, limit=recall.limit) for each in marked]
        vectors = service.warm_vectors(_PAGE, invocation.environment.check_cancelled)
        with invocation.terminal.progress("asking", len(asked)) as advance:
            for question in asked:
                # A trace each: an answer that is degraded is not kept.
                each = Trace()
                service.recall(question, recall.candidates, invocation.now, each)
                for reason in each.degraded:
                    trace.degrade(reason)
                advance(1)
                invocation.environment.check_cancelled()
    return Outcome(
        [{"vectors": vectors, "questions": len(asked)}],
        lambda terminal: terminal.line(
            f"{vectors:,} vectors and the answers to {len(asked):,} questions are warm"
        ),
        trace,
    )


def _questions(invocation: Invocation, path: Path) -> list[Question]:
    try:
        lines = invocation.environment.path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"{path}: {why}", "a text file with a question a line") from None
    texts = [checked_text(line.strip(), "the question") for line in lines if line.strip()]
    return [Question(text, limit=invocation.config.recall.limit) for text in texts]


def _shown(values: dict[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in values.items() if value is not None)
