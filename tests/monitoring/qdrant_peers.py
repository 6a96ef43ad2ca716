"""A stand-in for the `/metrics` of three Qdrant peers: what real ones answered, recorded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RECORDED = Path(__file__).with_name("qdrant")


@contextlib.contextmanager
def peers(count: int = 3) -> Iterator[list[ThreadingHTTPServer]]:
    """So many healthy ones; `say` makes one say something else."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Answers) for _ in range(count)]
    try:
        for server in servers:
            say(server, "healthy")
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield servers
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def say(server: ThreadingHTTPServer, recorded: str) -> None:
    """From now on it answers as a peer did in that situation."""
    body = (RECORDED / f"{recorded}.prom").read_bytes()
    server.body = body.rstrip() + b"\n"  # type: ignore[attr-defined]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.server.body  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass
