"""`sophia up`: start the resident process and its engines."""

from __future__ import annotations

import typer

from sophia_cli.commands.status import parts_of, show_parts
from sophia_cli.config.model import Config
from sophia_cli.daemon.presence import start
from sophia_cli.daemon.rest.presence import wait_until_ready
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.process import Engine
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from sophia_cli.invocation import Invocation
from sophia_cli.terminal import Outcome


def command(context: typer.Context) -> Outcome:
    """Start the resident process and its engines, and wait until they answer.

    Every command that needs them does this by itself.

    \b
    Examples:
      sophia up
    """
    invocation = Invocation.of(context)
    home = invocation.home.prepare()
    timeout = invocation.config.resident.start_timeout.total_seconds()
    start(home, timeout)
    # The resident process starts them too; whoever is second waits, and says why there are none.
    for engine in configured_engines(invocation.config, home, timeout):
        engine.ensure()
    wait_until_ready(home, timeout)
    parts = parts_of(home)
    return Outcome([part.as_json() for part in parts], lambda terminal: show_parts(terminal, parts))


def configured_engines(config: Config, home: Home, timeout: float) -> list[Engine]:
    """The embedded engines that this configuration stands on."""
    engines: list[Engine] = []
    if config.records.url is None:
        engines.append(Postgres(home, timeout))
    if config.hot_cache.enabled and config.hot_cache.url is None and Valkey.available():
        engines.append(Valkey(home, config.hot_cache.max_memory, timeout))
    return engines
