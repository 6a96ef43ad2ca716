"""An embedder over HTTP that may be down, slow, of another model, or unsound."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

DIMENSION = 384


class Endpoint:
    """Speaks OpenAI's protocol, with vectors that have something of every word."""

    def __init__(self) -> None:
        self.pause = 0.0
        self.constant = self.broken = self.moody = self.zero = self.gone = False
        self.dimension = DIMENSION
        self.asked = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if endpoint.gone:
                    self.close_connection = True
                    return
                time.sleep(endpoint.pause)
                items = [
                    {"index": index, "embedding": endpoint.vector(text)}
                    for index, text in enumerate(body["input"])
                ]
                answer = b"no" if endpoint.broken else json.dumps({"data": items}).encode()
                self.send_response(500 if endpoint.broken else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        self._handler = Handler
        self._open(0)

    def _open(self, port: int) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def vector(self, text: str) -> list[float]:
        self.asked += 1
        if self.zero:
            return [0.0] * self.dimension
        vector = [0.01] * self.dimension
        if self.moody:
            vector[self.asked % self.dimension] += 9.0
        for word in ["the", "same"] if self.constant else text.lower().split():
            vector[crc32(word.encode()) % self.dimension] += 1.0
        return vector

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_port)

    def close(self) -> None:
        """Nobody listens there from now on, nor on a connection that is open."""
        self.gone = True
        self.server.shutdown()
        self.server.server_close()

    def reopen(self) -> None:
        """It listens where it did before."""
        self.gone = False
        self._open(self.port)
