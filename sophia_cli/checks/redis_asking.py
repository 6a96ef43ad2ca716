"""How the checks ask the hot cache's server: a client of their own, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sophia_cli.checks.standing import engine_of
from sophia_cli.engines.valkey import Valkey
from sophia_cli.errors import TierDown

if TYPE_CHECKING:
    from redis import Redis

    from sophia_cli.checks.scene import Scene

_PATIENCE = 2.0
_OFF = "hot_cache is off"
_NO_ENGINE = "there is no Valkey for this system: sophia runs without the tier"


def why_absent(scene: Scene) -> str:
    """Why there is no such tier; empty where there is one."""
    section = scene.loaded.config.hot_cache
    if not section.enabled:
        return _OFF
    return _NO_ENGINE if section.url is None and not Valkey.available() else ""


def connected(scene: Scene) -> Redis:
    """A client of our own, shared by all checks; it is not started where it was found stopped.

    Raises:
        TierDown: the embedded one does not run.
        ConfigurationError: the password cannot be read.
    """
    return scene.once("hot_cache", lambda: _opened(scene))


def _opened(scene: Scene) -> Redis:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    section = scene.loaded.config.hot_cache
    password = None if section.url is None else section.password()
    settings: dict[str, Any] = {
        "password": None if password is None else password.get_secret_value(),
        "socket_timeout": _PATIENCE,
        "socket_connect_timeout": _PATIENCE,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if section.url is None:
        engine = engine_of(scene.home, "valkey")
        if not scene.standing.attended:
            _ = scene.service  # It has a share in the engines, for as long as this run.
            engine.ensure()
        elif scene.standing.engines["valkey"] == "stopped":
            raise TierDown("hot_cache", "Valkey does not run", "sophia up")
        client = Redis(unix_socket_path=engine.address, **settings)
    else:
        client = Redis.from_url(section.url, **settings)
    scene.stack.callback(client.close)
    return client


def info_of(scene: Scene) -> Mapping[str, Any]:
    """What the server says of itself; `TierDown` if it says nothing."""
    told: Mapping[str, Any] = asked(connected(scene).info)
    return told


def asked(question: Callable[[], Any]) -> Any:
    """What it answers.

    Raises:
        TierDown: it does not, or refuses; what it says never quotes a password.
    """
    from redis.exceptions import RedisError, ResponseError

    try:
        return question()
    except ResponseError as error:
        cause = str(error).partition(", with args")[0]
        raise TierDown("hot_cache", f"it refuses: {cause}", "check hot_cache.url") from error
    except RedisError as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TierDown("hot_cache", cause, "is it up? sophia status") from error
