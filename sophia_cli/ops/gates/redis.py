"""The gate of Redis: a value is written, read and removed, from where it will be used."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

from sophia_cli.errors import Unreachable
from sophia_cli.ops.errors import GateFailed, HostUnreachable
from sophia_cli.ops.gates.patience import last_words, patiently
from sophia_cli.ops.gates.resp import Conversation, RedisError, conversation
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

CONTAINER = "sophia-redis"
SECRET = "redis-password"  # noqa: S105  (a name)
_PATIENCE = 60.0
_TIMEOUT = 5.0


def redis(site: Site, hosts: Sequence[str]) -> str:
    """Each Redis takes a value, gives it back and removes it: for itself and every sophia host.

    And it does nothing for one who has no password.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    users = tuple(site.inventory.with_role(Role.SOPHIA))
    for host in hosts:
        # Its own host first: what fails there too is not the way.
        _answers(site, host, host)
        on_all(site, [user for user in users if user != host], partial(_answers, site, host))
    asked = len(set(hosts) | set(users))
    return f"Redis wrote, read and removed a value, asked from {asked} host{'s'[: asked > 1]}"


def _answers(site: Site, host: str, user: str) -> None:
    patiently(partial(_look, site, host, user), _PATIENCE)


def _look(site: Site, host: str, user: str) -> None:
    at = site.inventory.hosts[host].reached_at
    port = site.inventory.services.redis.port
    where = f"{host}: Redis at {at}:{port}, asked from {user}"
    with site.connections.to(user) as connection:
        try:
            with conversation(connection, at, port, _TIMEOUT) as stranger:
                _refuses(stranger, where)
            with conversation(connection, at, port, _TIMEOUT) as redis_:
                _works(redis_, site.secrets.value(SECRET).get_secret_value(), where)
        except HostUnreachable:
            raise
        except RedisError as error:
            raise GateFailed(f"{where}: {error}", _hint(str(error))) from None
        except Unreachable as error:
            with site.connections.to(host) as own:
                said = last_words(own, CONTAINER)
            raise GateFailed(
                f"{where}: {error.message}" + (f"; the container says: {said}" if said else ""),
                f"on {host}: docker logs {CONTAINER}; ss -ltn; nft list ruleset",
            ) from error


def _refuses(stranger: Conversation, where: str) -> None:
    try:
        stranger.ask("PING")
    except RedisError as error:
        if str(error).startswith("NOAUTH"):
            return
        raise
    raise GateFailed(
        f"{where}: answers without a password", "deploy memory again: its configuration has one"
    )


def _works(redis_: Conversation, password: str, where: str) -> None:
    redis_.ask("AUTH", password)
    key, value = f"sophia:gate:{secrets.token_hex(8)}", secrets.token_hex(16)
    redis_.ask("SET", key, value, "EX", "60")
    read = redis_.ask("GET", key)
    removed = redis_.ask("DEL", key)
    if read != value or removed != 1 or redis_.ask("GET", key) is not None:
        raise GateFailed(
            f"{where}: a value that was written is not read back and removed",
            "look whether something else than Redis, or a proxy, answers there",
        )


def _hint(said: str) -> str:
    if said.startswith(("WRONGPASS", "ERR invalid password")):
        return "its password is another one: deploy memory again, or look into cluster.secrets_dir"
    if said.startswith("MISCONF"):
        return "it cannot write to its disk: look at the space and the owner of its data directory"
    if said.startswith("OOM"):
        return "services.redis.max_memory is full and its policy evicts nothing"
    return f"docker logs {CONTAINER} on that host says more"
