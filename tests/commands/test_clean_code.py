"""`sophia clean code`: real repositories; nothing is lost, overwritten or done in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.errors import SophiaError
from sophia_cli.exit_status import ExitStatus
from sophia_cli.ops.old_code import ARCHIVE
from sophia_cli.ops.work_tree import GitTree
from tests.commands.bare import bare_console
from tests.commands.console import Ended
from tests.conftest import Sophia

WHO = {
    f"GIT_{who}_{what}": "a@example.com"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
OTHERS = ("backend/services/memory_service.py", "backend/weaviate_client.py")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    **WHO,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    """A real git repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        ended = subprocess.run(
            ["git", "-C", self.root, *arguments],
            env=ENVIRONMENT,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return ended.stdout

    def put(self, name: str, content: str = "x = 1\n") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "more")

    def status(self) -> list[str]:
        return self.git("status", "--porcelain", "--untracked-files=all").splitlines()

    def names(self) -> set[str]:
        return {
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if not path.is_dir() and ".git" not in path.relative_to(self.root).parts
        }


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.put("backend/services/memory_service.py", "class Memory: ...\n" * 20)
    made.put("backend/services/unified_memory_service.py")
    made.put("backend/weaviate_client.py", "import weaviate\n")
    made.put("app.py", "import pinecone\nfrom backend import weaviate_client\n")
    made.put("requirements.txt", "pinecone-client\n")
    made.put(".gitignore", "ignored/\n")
    made.commit()
    return made


@pytest.fixture
def clean(home: Path, repository: Repository) -> Callable[..., Ended]:
    console = bare_console(home, repository.root)

    def run(*arguments: str, **more: Any) -> Ended:
        given = {**ENVIRONMENT, "PATH": os.environ["PATH"], **more.pop("variables", {})}
        return console("clean", "code", *arguments, variables=given, **more)

    return run


def archived(name: str) -> str:
    return str(ARCHIVE / name)


def test_by_default_it_is_shown_and_nothing_is_moved(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    before = repository.names()
    ended = clean(".")
    assert ended.status is ExitStatus.OK
    assert ended.err == "nothing was moved: --apply moves them\n"
    assert [" ".join(line.split()) for line in ended.out.splitlines()] == [
        "would be moved to why",
        "backend/services/memory_service.py "
        "archive/old_memory_implementations/backend/services/memory_service.py "
        "an old memory service by its name",
        "backend/weaviate_client.py archive/old_memory_implementations/backend/weaviate_client.py "
        "its name says Weaviate",
        "to be mended by hand why",
        "app.py:1 imports Pinecone",
        "app.py:2 imports weaviate_client, which goes",
        "requirements.txt:1 requires 'pinecone-client'",
    ]
    assert repository.names() == before and repository.status() == []


def test_files_are_moved_with_their_history(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    moved = [each for each in clean("--json", ".", "--apply").data if each["moved"]]
    name = "backend/services/memory_service.py"
    assert {"file": name, "to": archived(name)} == {key: moved[0][key] for key in ("file", "to")}
    assert repository.status() == [
        f"R  {each} -> {archived(each)}" for each in (name, "backend/weaviate_client.py")
    ]
    repository.commit()
    history = repository.git("log", "--follow", "--oneline", "--", archived(name))
    assert len(history.splitlines()) == 2


def test_a_second_run_moves_nothing(clean: Callable[..., Ended], repository: Repository) -> None:
    clean(".", "--apply", "--imports")
    repository.put("requirements.txt", "")
    before = repository.status()
    assert clean(".", "--apply", "--imports").out == "nothing is left over\n"
    assert clean("--json", ".").data == []
    assert repository.status() == before


def test_a_file_with_changes_that_are_not_committed_stops_it_all(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    for change in ("edited", "staged"):
        repository.put("backend/weaviate_client.py", change)
        if change == "staged":
            repository.git("add", "-A")
        before = repository.status()
        refused = clean(".", "--apply")
        assert refused.status is ExitStatus.REFUSED
        assert "not committed: backend/weaviate_client.py; nothing was moved" in refused.err
        assert repository.status() == before
    repository.git("checkout", "-q", "HEAD", "--", "backend")
    repository.put("app.py", "another = 1\n")  # a file that stays may be in any state
    assert clean(".", "--apply").status is ExitStatus.OK


def test_what_git_ignores_and_what_is_another_repository_is_left_alone(
    clean: Callable[..., Ended], repository: Repository, tmp_path: Path
) -> None:
    repository.put("ignored/weaviate.py")
    repository.put("node_modules/pinecone/index.js")
    inner = Repository(tmp_path / "inner")
    inner.put("pinecone.py")
    inner.commit()
    add = ("-c", "protocol.file.allow=always", "submodule", "add", "-q")
    repository.git(*add, str(inner.root), "libs/pinecone")
    Repository(repository.root / "nested").put("weaviate.py")
    found = {each["file"] for each in clean("--json", ".", "--apply").data if each["to"]}
    assert found == {"backend/services/memory_service.py", "backend/weaviate_client.py"}
    assert {"ignored/weaviate.py", "libs/pinecone/pinecone.py"} <= repository.names()


def test_a_file_that_git_does_not_know_is_moved_too(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    repository.put("new_pinecone.py", "mine\n")
    clean(".", "--apply")
    assert (repository.root / archived("new_pinecone.py")).read_text() == "mine\n"
    assert f"?? {archived('new_pinecone.py')}" in repository.status()


def test_nothing_in_the_archive_is_overwritten(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    for content in ("first", "second", "third"):
        repository.put("backend/weaviate_client.py", content)
        repository.commit()
        assert clean(".", "--apply").status is ExitStatus.OK
        repository.commit()
    kept = [f"weaviate_client{number}.py" for number in ("", ".2", ".3")]
    assert [(repository.root / archived(f"backend/{name}")).read_text() for name in kept] == [
        "first",
        "second",
        "third",
    ]


def test_two_files_never_get_one_place(clean: Callable[..., Ended], repository: Repository) -> None:
    repository.put(archived("pinecone.py"), "0")
    for name in ("pinecone.py", "pinecone.2.py"):
        repository.put(name, name)
    repository.commit()
    clean(".", "--apply")
    texts = {path.read_text() for path in (repository.root / ARCHIVE).glob("pinecone*")}
    assert texts == {"0", "pinecone.py", "pinecone.2.py"}


def test_a_part_of_a_repository_goes_to_the_same_archive(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    repository.put("frontend/pinecone.ts")
    repository.commit()
    clean("backend/services", "--apply")
    assert repository.status() == [
        "R  backend/services/memory_service.py -> " + archived("backend/services/memory_service.py")
    ]


def test_an_archive_that_leads_elsewhere_is_refused(
    clean: Callable[..., Ended], repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (repository.root / "archive").symlink_to(tmp_path / "elsewhere")
    refused = clean(".", "--apply")
    assert refused.status is ExitStatus.REFUSED and "archive is a link" in refused.err
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_git_files_are_moved_plainly(home: Path, tmp_path: Path) -> None:
    (tmp_path / "code" / "node_modules").mkdir(parents=True)
    for name in ("pinecone.py", "node_modules/pinecone.js"):
        (tmp_path / "code" / name).write_text(name)
    console = bare_console(home, tmp_path)
    assert console.ok("clean", "code", "code", "--apply").out.startswith("moved")
    assert (tmp_path / "code" / archived("pinecone.py")).read_text() == "pinecone.py"
    assert (tmp_path / "code" / "node_modules/pinecone.js").exists()
    assert console.ok("clean", "code", "code").out == "nothing is left over\n"


def test_names_of_any_characters_are_moved(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    names = ["-pinecone.py", "pinecone 'a\n\"b.py", "pinecone*.py", ":pinecone.py", "pinecone é.py"]
    for name in names:
        repository.put(name)
    repository.put("pineconex.py", "not by a pattern")
    repository.commit()
    clean(".", "--apply")
    assert repository.names() >= {archived(name) for name in names}
    assert all(line.startswith("R  ") for line in repository.status())


def test_variables_of_another_repository_do_not_lead_there(
    clean: Callable[..., Ended], repository: Repository, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "other")
    other.put("pinecone.py")
    other.commit()
    variables = {"GIT_DIR": str(other.root / ".git"), "GIT_WORK_TREE": str(other.root)}
    assert clean(".", "--apply", variables=variables).status is ExitStatus.OK
    assert other.status() == [] and len(repository.status()) == 2


def test_without_git_installed_a_repository_is_refused(
    clean: Callable[..., Ended], repository: Repository, tmp_path: Path
) -> None:
    before = repository.names()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))  # where the program is looked for
        refused = clean(".", "--apply", variables={"PATH": str(tmp_path)})
    assert refused.status is ExitStatus.REFUSED and "git is not installed" in refused.err
    assert repository.names() == before


def test_when_git_says_no_it_is_said_and_the_rest_stays(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    (repository.root / ".git" / "index.lock").write_text("")
    failed = clean(".", "--apply")
    assert failed.status is ExitStatus.FAILED
    assert "git mv in" in failed.err and "index.lock" in failed.err
    assert "(0 of 2 files were moved)" in failed.err
    (repository.root / ".git" / "index.lock").unlink()
    assert repository.status() == []


def test_a_repository_runs_nothing_of_its_own(
    clean: Callable[..., Ended], repository: Repository
) -> None:
    hook = repository.put(".git/hooks/post-index-change", "#!/bin/sh\ntouch ../ran\n")
    hook.chmod(0o755)
    repository.git("config", "core.fsmonitor", str(hook))
    clean(".", "--apply")
    assert len(list(repository.root.parent.glob("ran"))) == 0
    assert (repository.root / archived("backend/weaviate_client.py")).exists()


@pytest.mark.parametrize("given", ["nowhere", "app.py", ""])
def test_what_is_no_directory(clean: Callable[..., Ended], given: str) -> None:
    assert clean(given).status is ExitStatus.USAGE


def test_the_group_says_what_it_can_do(home: Path, tmp_path: Path) -> None:
    ended = bare_console(home, tmp_path)("clean")
    assert ended.status is ExitStatus.USAGE and "sophia init" in ended.err


@pytest.mark.parametrize("after", [0, 3, 11])
def test_an_interrupt_leaves_every_file_whole_in_one_place(
    sophia: Sophia, repository: Repository, after: int
) -> None:
    names = [f"pinecone_{number:03}.py" for number in range(60)]
    for name in names:
        repository.put(name, name)
    repository.commit()
    running = sophia.start("clean", "code", str(repository.root), "--apply", env=ENVIRONMENT)
    archive = repository.root / ARCHIVE
    while running.poll() is None and len(list(archive.glob("pinecone_*"))) < after:
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    there = repository.names()
    for name in names:
        assert (name in there) != (archived(name) in there)
    assert all(line.startswith("R  ") for line in repository.status())
    moved = sum(archived(name) in there for name in names)
    if "files were moved" in said:
        assert running.returncode == 130
        assert f"{moved + sum(archived(each) in there for each in OTHERS)} of 62" in said
    again = sophia("clean", "code", str(repository.root), "--apply", env=ENVIRONMENT)
    assert again.returncode == 0, again.stderr
    assert repository.names() >= {archived(name) for name in names}


def test_git_is_waited_for_when_the_user_interrupts(repository: Repository) -> None:
    slow = repository.put(".git/slow", "#!/bin/sh\nkill -INT $PPID_OF_TESTS; sleep 1; cat\n")
    slow.chmod(0o755)
    variables = {**ENVIRONMENT, "PPID_OF_TESTS": str(os.getpid())}
    tree = GitTree(repository.root, variables)
    repository.git("config", "alias.slow", f"!{slow} && touch {repository.root}/done")
    with pytest.raises(KeyboardInterrupt):
        tree._git("slow")
    assert (repository.root / "done").exists()


def test_git_is_waited_for_when_the_interrupt_comes_as_it_starts(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            os.kill(os.getpid(), signal.SIGINT)

    tree = GitTree(repository.root, ENVIRONMENT)
    repository.git("config", "alias.slow", f"!sleep 1; touch {repository.root}/done")
    monkeypatch.setattr(subprocess, "Popen", Started)
    with pytest.raises(KeyboardInterrupt):
        tree._git("slow")
    assert (repository.root / "done").exists()


def test_a_repository_of_somebody_else_is_said(repository: Repository) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(repository.root, 65534, 65534)
    with pytest.raises(SophiaError, match="dubious ownership"):
        GitTree(repository.root, ENVIRONMENT)
