"""What may befall Valkey, each for the length of a block."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator

from redis import Redis
from redis.exceptions import ResponseError

from sophia_cli.engines.valkey import Valkey
from tests.checks.conftest import Store
from tests.conftest import wait_until
from tests.faults.frozen import frozen

Fault = Callable[[Store], contextlib.AbstractContextManager[None]]


def client_of(engine: Valkey) -> Redis:
    return Redis(unix_socket_path=engine.address)


@contextlib.contextmanager
def stopped(store: Store) -> Iterator[None]:
    store.valkey.stop()
    try:
        yield
    finally:
        store.valkey.ensure()


@contextlib.contextmanager
def killed(store: Store) -> Iterator[None]:
    pid = store.valkey.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not store.valkey.running())
    try:
        yield
    finally:
        store.valkey.ensure()


@contextlib.contextmanager
def silent(store: Store) -> Iterator[None]:
    with frozen(store.valkey.pid()):
        yield


def configured(**settings: str) -> Fault:
    @contextlib.contextmanager
    def block(store: Store) -> Iterator[None]:
        with client_of(store.valkey) as client:
            before = {name: client.config_get(name)[name] for name in settings}
            client.config_set(*[word for pair in settings.items() for word in pair])
            try:
                yield
            finally:
                client.config_set(*[word for pair in before.items() for word in pair])

    return block


@contextlib.contextmanager
def full(store: Store) -> Iterator[None]:
    bounded = configured(**{"maxmemory": "4mb", "maxmemory-policy": "noeviction"})
    with client_of(store.valkey) as client, bounded(store):
        with contextlib.suppress(ResponseError):
            for number in range(100):
                client.set(f"ballast:{number}", b"x" * 100_000, px=60_000)
        client.config_set("maxmemory", "3mb")  # Full whatever it takes and gives back in between.
        try:
            yield
        finally:
            client.delete(*[f"ballast:{number}" for number in range(100)])


@contextlib.contextmanager
def thrashing(store: Store) -> Iterator[None]:
    ended = threading.Event()

    def write() -> None:
        with client_of(store.valkey) as client:
            number = 0
            while not ended.is_set():
                number += 1
                client.set(f"flood:{number}", b"x" * 20_000, px=60_000)

    with configured(maxmemory="4mb")(store):
        writer = threading.Thread(target=write)
        writer.start()
        wait_until(lambda: _evicted(store) > 100)
        try:
            yield
        finally:
            ended.set()
            writer.join()
            with client_of(store.valkey) as client:
                client.flushall()


def _evicted(store: Store) -> int:
    with client_of(store.valkey) as client:
        return int(client.info("stats")["evicted_keys"])


@contextlib.contextmanager
def cannot_save(store: Store) -> Iterator[None]:
    """Its working directory is gone, so that it cannot write there."""
    shutil.rmtree(store.home.valkey)
    with client_of(store.valkey) as client:
        client.bgsave()
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] != "ok")
    try:
        yield
    finally:
        store.home.valkey.mkdir(mode=0o700)
        store.valkey.stop()
        store.valkey.ensure()


def keyed(name: str, lifetime: int | None) -> Fault:
    @contextlib.contextmanager
    def block(store: Store) -> Iterator[None]:
        with client_of(store.valkey) as client:
            client.set(name, b"x", px=lifetime)
            try:
                yield
            finally:
                client.delete(name)

    return block
