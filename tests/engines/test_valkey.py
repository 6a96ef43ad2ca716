"""The embedded Valkey: a cache that keeps nothing on the disk."""

from __future__ import annotations

import pytest
import redis

from sophia_cli.engines import valkey
from sophia_cli.engines.valkey import Valkey
from sophia_cli.errors import SophiaError, Unreachable
from sophia_cli.home import Home


def test_values_are_kept_in_memory_only(home: Home) -> None:
    engine = Valkey(home, max_memory="64mb")
    with redis.Redis(unix_socket_path=engine.ensure(), socket_timeout=5) as client:
        client.set("answer", b"x" * 1000)
        assert client.get("answer") == b"x" * 1000
        assert client.config_get("maxmemory") == {"maxmemory": str(64 << 20)}
    engine.stop()
    assert list(home.valkey.iterdir()) == []
    with redis.Redis(unix_socket_path=engine.ensure(), socket_timeout=5) as client:
        assert client.get("answer") is None


def test_a_setting_that_it_refuses_is_quoted_in_the_error(home: Home) -> None:
    with pytest.raises(Unreachable, match=r"did not start: .*memory value"):
        Valkey(home, max_memory="plenty").ensure()


def test_it_is_available_here() -> None:
    assert Valkey.available()


def test_without_the_wheel_it_is_not_available(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "find_spec", lambda name: None)
    assert not Valkey.available()
    with pytest.raises(SophiaError, match="not installed"):
        Valkey(home).ensure()
