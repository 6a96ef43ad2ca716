"""The files of a repository that are somebody's work, and how one of them is moved.

With git, what git ignores is left out, and so are submodules; a move keeps the file's history.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from sophia_cli.errors import InvalidInput, Refused, SophiaError

_TIMEOUT = 120.0
_FILE = ("100644", "100755")
# What others made, and nobody here works on.
_NOT_OURS = frozenset(
    {".git", ".hg", ".svn", "node_modules", "site-packages", ".venv", "venv", ".tox", "__pycache__"}
)


class WorkTree(Protocol):
    """A directory of somebody's work."""

    @property
    def root(self) -> Path:
        """What paths start from."""

    def files(self) -> list[PurePosixPath]:
        """Every file of it."""

    def changed(self, files: Iterable[PurePosixPath], /) -> list[PurePosixPath]:
        """Those that hold something that is not committed, sorted."""

    def move(self, file: PurePosixPath, to: PurePosixPath) -> None:
        """Moves a file to a path where nothing is; as a whole, also when a user interrupts.

        Raises:
            SophiaError: it was not moved.
            OSError: it was not moved.
        """


def work_tree_of(path: Path, variables: Mapping[str, str]) -> WorkTree:
    """The work tree that a directory is, or is a part of; only files below it count.

    Args:
        variables: the user's environment, for git.

    Raises:
        InvalidInput: it is no directory.
        Refused: it is in a repository, and git is not installed.
        SophiaError: git cannot work with it.
    """
    if not path.is_dir():
        raise InvalidInput(f"{path}: there is no such directory")
    path = path.resolve()
    if any(os.path.lexists(each / ".git") for each in (path, *path.parents)):
        return GitTree(path, variables)
    return PlainTree(path)


class PlainTree:
    """A directory without version control."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self) -> list[PurePosixPath]:
        """Every file, less those that others made. Links to directories are not followed."""
        found = []
        for place, folders, names in os.walk(self.root):
            # A repository below this one is another one.
            folders[:] = [
                name
                for name in folders
                if name not in _NOT_OURS and not os.path.lexists(Path(place, name, ".git"))
            ]
            found += [PurePosixPath(Path(place, name).relative_to(self.root)) for name in names]
        return found

    def changed(self, _: Iterable[PurePosixPath], /) -> list[PurePosixPath]:
        """None: nothing says what was here before."""
        return []

    def move(self, file: PurePosixPath, to: PurePosixPath) -> None:
        """Moves a file; see `WorkTree`."""
        (self.root / file).rename(self.root / to)


class GitTree:
    """A part of a git repository's work tree.

    Args:
        path: the part; paths start from the work tree's root all the same.
    """

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        # Variables such as GIT_DIR, which git sets for hooks, would lead to another repository.
        kept = {name: value for name, value in variables.items() if not name.startswith("GIT_")}
        self._variables = {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        self._path = path
        self.root = Path(os.fsdecode(self._git("rev-parse", "--show-toplevel").removesuffix(b"\n")))
        self._tracked: set[PurePosixPath] = set()

    def files(self) -> list[PurePosixPath]:
        """Every file that git knows or would add, less links and submodules."""
        self._tracked, others = set(), []
        for entry in _entries(self._git("ls-files", "-z", "--full-name", "--stage")):
            about, _, name = entry.partition("\t")
            if about.split(" ")[0] in _FILE:
                self._tracked.add(PurePosixPath(name))
        new = ("ls-files", "-z", "--full-name", "--others", "--exclude-standard")
        # One that ends with a slash is a repository of its own.
        others = [PurePosixPath(name) for name in _entries(self._git(*new)) if name[-1] != "/"]
        return [file for file in (*self._tracked, *others) if not _NOT_OURS & set(file.parts)]

    def changed(self, files: Iterable[PurePosixPath]) -> list[PurePosixPath]:
        """Those that git knows and that are not as they were committed."""
        said = self._git("status", "-z", "--porcelain", "--no-renames", "--untracked-files=no")
        changed = {PurePosixPath(entry[3:]) for entry in _entries(said)}
        return sorted(changed & set(files))

    def move(self, file: PurePosixPath, to: PurePosixPath) -> None:
        """Moves a file, and with its history where it has one; see `WorkTree`."""
        if file in self._tracked:
            self._git("mv", "--", os.fspath(self.root / file), os.fspath(self.root / to))
        else:
            (self.root / file).rename(self.root / to)

    def _git(self, *arguments: str) -> bytes:
        # What a repository's own configuration would have git start is not started.
        safe = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
        command = ["git", "-C", os.fspath(self._path), *safe, *arguments]
        try:
            with _interrupts_held():
                # In a session of its own: Ctrl-C in the terminal is not for it.
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self._variables,
                    start_new_session=True,
                )
                output, said = self._finished(process, arguments[0])
        except FileNotFoundError:
            raise Refused(
                f"{self._path} is in a git repository, and git is not installed",
                "install git: without it the files would lose their history",
            ) from None
        if process.returncode:
            reason = said.decode("utf-8", "replace").strip().splitlines()
            raise SophiaError(
                f"git {arguments[0]} in {self._path}: {reason[0] if reason else 'failed'}",
                "see what git status says there, then run it again",
            )
        return output

    def _finished(self, process: subprocess.Popen[bytes], what: str) -> tuple[bytes, bytes]:
        try:
            return process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise SophiaError(
                f"git {what} in {self._path} took over {_TIMEOUT:.0f} s", "try git status there"
            ) from None


def _entries(output: bytes) -> list[str]:
    return [os.fsdecode(entry) for entry in output.split(b"\0") if entry]


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C within the block counts at its end: half a move is none."""
    if threading.current_thread() is not threading.main_thread():
        yield  # others are not interrupted
        return
    interrupted = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if interrupted.is_set():
            raise KeyboardInterrupt
