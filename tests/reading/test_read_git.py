"""Git: a real repository, and the output of `git log` in a file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sophia_cli.errors import SophiaError
from sophia_cli.memory.model import Kind
from sophia_cli.reading import Format, read_path
from tests.reading.conftest import NOW, Read, drafts, faults, moment


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits by two people."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q")
    commit(
        root,
        "Ann Ärlig",
        "2024-05-01T10:00:00+02:00",
        "Fix the cart\n\ncommit messages\nmay say commit",
    )
    commit(root, "Bob", "2024-05-02T10:00:00+00:00", "Cache prices")
    return root


def git(root: Path, *arguments: str, **variables: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "GIT_CONFIG_NOSYSTEM": "1",
        **variables,
    }
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        env=environment, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return done.stdout


def commit(root: Path, author: str, date: str, message: str) -> None:
    people = {
        "GIT_AUTHOR_NAME": author,
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_AUTHOR_DATE": date,
    }
    committer = {"GIT_COMMITTER_NAME": "CI", "GIT_COMMITTER_EMAIL": "ci@example.com"}
    git(root, "commit", "-q", "--allow-empty", "-m", message, **people, **committer)


def test_commit_is_a_memory_of_its_author(repository: Path) -> None:
    newest, oldest = drafts(list(read_path(repository, Format.GIT, NOW)))
    assert newest.content == "Cache prices"
    assert oldest.content == "Fix the cart\n\ncommit messages\nmay say commit"
    assert (oldest.speaker, oldest.said_at) == ("Ann Ärlig", moment("2024-05-01T08:00"))
    assert (oldest.kind, oldest.session) == (Kind.CODING, None)
    first = git(repository, "rev-list", "--max-parents=0", "HEAD").strip()
    assert oldest.tags == {"source": "shop", "commit": first[:12]}


def test_saved_log_is_read_as_the_repository_is(repository: Path, read: Read) -> None:
    log = git(repository, "log", "--stat")
    items = read(log, "shop")
    assert faults(items) == []
    assert drafts(items) == drafts(list(read_path(repository, Format.GIT, NOW)))


def test_folder_that_is_no_repository_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(SophiaError, match="not a git repository"):
        list(read_path(tmp_path, Format.GIT, NOW))


def test_text_before_the_first_commit_is_reported(read: Read) -> None:
    items = read(
        "hello\ncommit 0123456789\nAuthor: A <a@example.com>\n\n    Work\n", fmt=Format.GIT
    )
    assert [draft.content for draft in drafts(items)] == ["Work"]
    assert [bad.reason for bad in faults(items)] == ["not a commit of `git log`"]
