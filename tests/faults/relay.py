"""A relay between a client and a server, which can begin to swallow, to refuse or to babble."""

from __future__ import annotations

import contextlib
import socket
import threading

NOISE = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"


class Relay:
    """Listens on 127.0.0.1 and passes everything to a Unix socket or a port of this machine.

    Attributes:
        swallowing: nothing passes in either direction; connections are accepted and kept.
        babbling: every connection is answered with noise, whatever it says.
    """

    def __init__(self, target: str | int) -> None:
        self.target = target
        self.swallowing = False
        self.babbling = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection that is open."""
        for peer in self._open:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        """Listens no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self._reached() as server:
            self._open.append(server)
            back = threading.Thread(target=self._pass, args=(server, client, client), daemon=True)
            back.start()
            self._pass(client, server, client)

    def _reached(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        return server

    def _pass(self, source: socket.socket, target: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.babbling:
                    client.sendall(NOISE)
                elif not self.swallowing:
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
