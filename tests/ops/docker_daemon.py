"""A stand-in of docker's daemon, for its real CLI: it knows what it was told, and nothing else.

It shows what the CLI makes of our command lines, and what we read of its answers; it runs nothing.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socketserver
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# An unknown name is looked for in each of these.
_ELSEWHERE = re.compile(r"GET /(containers|images|networks|volumes|plugins)/[^/]+(/json)?")


@dataclass(slots=True)
class DockerDaemon:
    """A daemon that is reached by `variables`.

    Attributes:
        answers: by method and path, as `GET /containers/redis/json`.
        absent: names that are known not to be there.
        asked: what changed something: method, path with its query, body.
    """

    answers: Mapping[str, Any]
    absent: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """The status and the body of an answer."""
        bare = path.partition("?")[0]
        if method not in ("GET", "HEAD"):
            self.asked.append((method, path, json.loads(body) if body else None))
        told = self.answers.get(f"{method} {bare}")
        if told is not None:
            return (204, None) if told == "done" else (200, told)
        if _ELSEWHERE.fullmatch(f"{method} {bare}") and bare.split("/")[2] in self.absent:
            return 404, {"message": "No such object"}
        return 500, {"message": f"was not told of {method} {bare}"}


@contextlib.contextmanager
def docker_daemon(answers: Mapping[str, Any], *absent: str) -> Iterator[DockerDaemon]:
    """Serves on a socket until the context ends."""
    common = {"HEAD /_ping": "OK", "GET /_ping": "OK", "GET /info": {"Swarm": {}}}
    daemon = DockerDaemon({**common, **answers}, absent)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "the socket"

        def version_string(self) -> str:
            return "Docker/20.10.24+dfsg1 (linux)"

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is logged."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = re.sub(r"^/v1\.\d+", "", self.path)
            status, said = daemon.answer(self.command, path, body)
            written = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Api-Version", "1.41")
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(written)

        do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815

    with tempfile.TemporaryDirectory(prefix="sophia-docker-", dir="/tmp") as directory:
        socket = str(Path(directory, "docker.sock"))
        with _Server(socket, Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            daemon.variables = {"DOCKER_HOST": f"unix://{socket}", "HOME": directory}
            try:
                yield daemon
            finally:
                server.shutdown()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
