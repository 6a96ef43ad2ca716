"""Secrets: made once, open to their owner alone, never lost by a rotation."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sophia_cli.errors import ConfigurationError, InvalidInput, NotFound, Refused
from sophia_cli.ops.secret_store import SecretStore

ASK = """
import sys
from pathlib import Path
from sophia_cli.ops.secret_store import SecretStore
sys.stdin.read(1)
print(SecretStore(Path(sys.argv[1])).value("redis-password").get_secret_value())
"""


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "clusters" / "secrets")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(store: SecretStore) -> list[str]:
    return sorted(path.name for path in store.directory.iterdir())


def test_a_missing_secret_is_made_once_and_is_its_owners_alone(store: SecretStore) -> None:
    made = store.value("redis-password")
    assert len(made.get_secret_value()) == 43
    assert store.value("redis-password") == made != store.value("postgres-password")
    assert mode(store.directory) == 0o700
    assert {mode(path) for path in store.directory.iterdir()} == {0o600}
    assert names(store) == ["postgres-password", "redis-password"]
    assert made.get_secret_value() not in repr(store.all())


def test_processes_that_ask_at_once_agree(store: SecretStore) -> None:
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, store.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda each: each.communicate("x", timeout=60)[0], asking))
    assert {each.strip() for each in answers} == {store.value("redis-password").get_secret_value()}
    assert names(store) == ["redis-password"]


def test_threads_that_ask_at_once_agree(store: SecretStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: store.value("key").get_secret_value(), range(64)))
    assert len(set(answers)) == 1


def test_an_operators_own_secret_is_taken_as_it_is(store: SecretStore) -> None:
    store.value("other")
    path = store.directory / "redis-password"
    path.write_text("chosen by hand\n")
    path.chmod(0o600)
    assert store.value("redis-password").get_secret_value() == "chosen by hand"


def test_a_rotated_secret_leaves_its_old_value_behind(store: SecretStore) -> None:
    old = store.value("key")
    assert store.previous("key") is None
    new = store.rotate("key")
    assert new != old and store.value("key") == new and store.previous("key") == old
    assert store.all() == {"key": new, "key.previous": old}
    store.rotate("key")
    assert store.previous("key") == new
    assert names(store) == ["key", "key.previous"]


@pytest.mark.parametrize("name", ["", "Redis", "a/b", "../key", "key.previous", "-a", "a" * 65])
def test_what_is_no_name_is_refused(store: SecretStore, name: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a secret"):
        store.value(name)
    assert not store.directory.exists()


def test_what_others_may_open_is_refused(store: SecretStore) -> None:
    store.value("key")
    (store.directory / "key").chmod(0o640)
    for read in (lambda: store.value("key"), store.all, lambda: store.rotate("key")):
        with pytest.raises(Refused, match="others may open it"):
            read()
    (store.directory / "key").chmod(0o600)
    store.directory.chmod(0o750)
    for read in (lambda: store.value("key"), store.all, lambda: store.previous("key")):
        with pytest.raises(Refused, match="others may open it"):
            read()


def test_links_are_refused(store: SecretStore, tmp_path: Path) -> None:
    store.value("key")
    elsewhere = tmp_path / "elsewhere"
    (store.directory / "key").rename(elsewhere)
    (store.directory / "key").symlink_to(elsewhere)
    with pytest.raises(Refused, match="is a link"):
        store.value("key")
    linked = SecretStore(tmp_path / "linked")
    linked.directory.symlink_to(store.directory)
    with pytest.raises(Refused, match="is a link"):
        linked.value("other")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_secret_is_refused(store: SecretStore) -> None:
    store.value("key")
    os.chown(store.directory / "key", 65534, 65534)
    with pytest.raises(Refused, match="belongs to user 65534"):
        store.value("key")


def test_an_empty_secret_is_refused(store: SecretStore) -> None:
    store.value("key")
    (store.directory / "key").write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        store.value("key")


def test_there_is_nothing_before_the_first_secret(store: SecretStore) -> None:
    assert store.all() == {} and store.previous("key") is None
    with pytest.raises(NotFound, match="no secret key"):
        store.rotate("key")
    assert not store.directory.exists()


def test_files_that_are_no_secrets_are_left_out(store: SecretStore) -> None:
    store.value("key")
    (store.directory / "README.md").write_text("not one")
    (store.directory / ".key.abc").write_text("left behind")
    assert list(store.all()) == ["key"]
