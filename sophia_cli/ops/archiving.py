"""Moving left-over code to the archive: shown first, nothing overwritten, nothing deleted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from sophia_cli.errors import Interrupted, Refused, SophiaError
from sophia_cli.ops.old_code import ARCHIVE, Fate, Finding
from sophia_cli.ops.work_tree import WorkTree

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Move:
    """A file and where it goes, both below the root."""

    file: PurePosixPath
    to: PurePosixPath


def moves_of(tree: WorkTree, findings: Iterable[Finding]) -> list[Move]:
    """Where each file goes: the same path in the archive, or the next free name beside it.

    Raises:
        Refused: the way into the archive is a link, or a file is in it.
    """
    taken: set[PurePosixPath] = set()
    moves = []
    for finding in findings:
        if finding.fate is Fate.MOVE:
            _check_way(tree, (ARCHIVE / finding.file).parent)
            to = _free(tree, ARCHIVE / finding.file, taken)
            taken.add(to)
            moves.append(Move(finding.file, to))
    return moves


def archive(tree: WorkTree, moves: list[Move], check_cancelled: Callable[[], None]) -> None:
    """Moves files. Whatever stops it, each file is in one of its two places.

    Args:
        check_cancelled: raises once the user has stopped it.

    Raises:
        Refused: git has something of one of them that is not committed; nothing was moved.
        Interrupted: the user stopped it; says how many were moved.
        SophiaError: one could not be moved; says how many were.
    """
    changed = tree.changed(each.file for each in moves)
    if changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise Refused(
            f"not committed: {', '.join(map(str, changed[:_SHOWN]))}{more}; nothing was moved",
            "commit or stash these changes, then run it again",
        )
    try:
        for move in moves:
            check_cancelled()
            if os.path.lexists(tree.root / move.to):
                raise Refused(f"{move.to} is there now", "run it again: it finds another name")
            (tree.root / move.to).parent.mkdir(parents=True, exist_ok=True)
            tree.move(move.file, move.to)
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(f"interrupted: {_done(tree, moves)}", "run it again to go on") from None
    except SophiaError as error:
        error.message += f" ({_done(tree, moves)})"
        raise
    except OSError as error:
        raise SophiaError(
            f"{error.filename}: {error.strerror} ({_done(tree, moves)})",
            "put it right, then run it again to go on",
        ) from error


def _done(tree: WorkTree, moves: list[Move]) -> str:
    """How many are there now: an interrupt comes after the move that it came upon."""
    done = sum(os.path.lexists(tree.root / move.to) for move in moves)
    return f"{done} of {len(moves)} files were moved"


def _check_way(tree: WorkTree, directory: PurePosixPath) -> None:
    for each in (directory, *directory.parents):
        path = tree.root / each
        if path.is_symlink() or (os.path.lexists(path) and not path.is_dir()):
            raise Refused(
                f"{each} is a link or a file, and would have to be a directory", "move it away"
            )


def _free(tree: WorkTree, wanted: PurePosixPath, taken: set[PurePosixPath]) -> PurePosixPath:
    """`wanted`, or `wanted` with a number before its suffix."""
    to, number = wanted, 1
    while to in taken or os.path.lexists(tree.root / to):
        number += 1
        to = wanted.with_name(f"{wanted.stem}.{number}{wanted.suffix}")
    return to
