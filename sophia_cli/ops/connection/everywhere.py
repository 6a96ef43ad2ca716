"""One command on many hosts: which ones are meant, and what came of it on each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sophia_cli.errors import NotFound, SophiaError
from sophia_cli.ops.connection.pool import HostConnections, on_hosts
from sophia_cli.ops.connection.protocol import Command, Finished
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.errors import HostUnreachable
from sophia_cli.ops.inventory.model import Host, Inventory


@dataclass(frozen=True, slots=True)
class OnHost:
    """What came of it on one host: it finished, or there is an error."""

    host: str
    finished: Finished | None
    error: SophiaError | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it finished with exit status 0."""
        return self.finished is not None and self.finished.exit_status == 0

    @property
    def reached(self) -> bool:
        """Whether the host was asked at all."""
        return not isinstance(self.error, HostUnreachable)

    def as_json(self, redactor: Redactor) -> dict[str, Any]:
        """For programs, with what both streams said."""
        finished, error = self.finished, self.error
        return {
            "host": self.host,
            "ok": self.ok,
            "exit_status": finished.exit_status if finished else None,
            "stdout": redactor.text(finished.stdout) if finished else "",
            "stderr": redactor.text(finished.stderr) if finished else "",
            "duration_ms": round(self.seconds * 1000, 3),
            "error": error and {"code": error.code, "message": error.message, "hint": error.hint},
        }


def chosen(inventory: Inventory, words: Sequence[str]) -> tuple[str, ...]:
    """The names of the hosts that are meant, in the inventory's order; all without any words.

    Args:
        words: each a host's name, a role or a label.

    Raises:
        NotFound: there is no host at all, or none for one of the words.
    """
    hosts = inventory.hosts
    if not hosts:
        raise NotFound("the inventory has no hosts", "`sophia init` writes one")
    for word in words:
        if not any(_is_meant(name, host, word) for name, host in hosts.items()):
            raise NotFound(
                f"no host has the name, role or label {word}", f"hosts are: {', '.join(hosts)}"
            )
    return tuple(
        name
        for name, host in hosts.items()
        if not words or any(_is_meant(name, host, word) for word in words)
    )


def run_everywhere(
    inventory: Inventory,
    names: Sequence[str],
    command: Command,
    on_line: Callable[[str, str], None] | None = None,
    redactor: Redactor | None = None,
    cancelled: threading.Event | None = None,
) -> list[OnHost]:
    """Runs a command on hosts, on as many at once as `ssh.parallel` says.

    Args:
        on_line: gets a host's name and a line of its output, redacted, as it comes; never two at
            once.
        cancelled: when set, the command is ended wherever it runs.

    Returns:
        One for every name, in their order.
    """
    stop = cancelled or threading.Event()
    one_at_a_time = threading.Lock()

    with HostConnections(inventory, redactor, stop) as connections:

        def run(name: str) -> OnHost:
            def tell(line: str) -> None:
                if on_line is not None:
                    with one_at_a_time:
                        on_line(name, line)

            started = time.perf_counter()
            finished: Finished | None = None
            fault: SophiaError | None = None
            try:
                with connections.to(name) as connection:
                    finished = connection.run(command, tell)
            except SophiaError as error:
                fault = error
            return OnHost(name, finished, fault, time.perf_counter() - started)

        results = on_hosts(names, run, inventory.ssh.parallel, stop)
    return [
        OnHost(name, None, result, 0.0) if isinstance(result, SophiaError) else result
        for name, result in results.items()
    ]


def _is_meant(name: str, host: Host, word: str) -> bool:
    return word == name or word in host.labels or any(word == role.value for role in host.roles)
