"""`sophia clean code`: left-over code of earlier memories goes to an archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any

import typer

from sophia_cli.commands.options import path_of
from sophia_cli.invocation import Invocation
from sophia_cli.ops.archiving import archive, moves_of
from sophia_cli.ops.old_code import Fate, Finding, find
from sophia_cli.ops.work_tree import work_tree_of
from sophia_cli.terminal import Outcome, Terminal


def code(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A repository, or a directory in one.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Move the files; without it they are shown.")
    ] = False,
    imports: Annotated[
        bool, typer.Option("--imports", help="Also move files that import an old client.")
    ] = False,
) -> Outcome:
    """Find left-over Weaviate and Pinecone files and old memory services, and archive them.

    They go to archive/old_memory_implementations at the root of the repository, by `git mv` where
    git knows them; nothing is deleted, and what git ignores is left alone. Lines in other files
    that import, require or start what goes are shown for you to mend.

    \b
    Examples:
      sophia clean code .
      sophia clean code backend --imports
      sophia clean code . --apply
    """
    invocation = Invocation.of(context)
    environment, terminal = invocation.environment, invocation.terminal
    tree = work_tree_of(path_of(invocation, path), environment.variables)
    findings = find(tree.root, tree.files(), with_imports=imports)
    moves = moves_of(tree, findings)
    if apply:
        archive(tree, moves, environment.check_cancelled)
    elif moves:
        terminal.note("nothing was moved: --apply moves them")
    places = {move.file: move.to for move in moves}
    return Outcome(
        [_as_json(each, places, moved=apply) for each in findings],
        lambda shown: _show(shown, findings, places, moved=apply),
    )


def _as_json(
    finding: Finding, places: dict[PurePosixPath, PurePosixPath], *, moved: bool
) -> dict[str, Any]:
    to = places.get(finding.file) if finding.fate is Fate.MOVE else None
    return {
        "file": str(finding.file),
        "line": finding.line or None,
        "fate": finding.fate.value,
        "reason": finding.reason,
        "to": None if to is None else str(to),
        "moved": to is not None and moved,
    }


def _show(
    terminal: Terminal,
    findings: Sequence[Finding],
    places: dict[PurePosixPath, PurePosixPath],
    *,
    moved: bool,
) -> None:
    if not findings:
        terminal.line("nothing is left over")
    going = [each for each in findings if each.fate is Fate.MOVE]
    if going:
        rows = [[str(each.file), str(places[each.file]), each.reason] for each in going]
        terminal.table("moved" if moved else "would be moved", "to", "why", rows=rows)
    mended = [each for each in findings if each.fate is Fate.MEND]
    if mended:
        rows = [[f"{each.file}:{each.line}", each.reason] for each in mended]
        terminal.table("to be mended by hand", "why", rows=rows)
    left = [each for each in findings if each.fate is Fate.LEAVE]
    if left:
        terminal.table("left alone", "why", rows=[[str(each.file), each.reason] for each in left])
