"""A stand-in for an OpenTelemetry collector: takes OTLP over HTTP and decodes it for the tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True)
class Span:
    """One that came."""

    name: str
    id: bytes
    parent: bytes
    started: int
    ended: int
    attributes: dict[str, Any]
    failed: bool


@dataclass(slots=True)
class Collector:
    """What came: the spans, the service's attributes, the headers of the last request.

    Attributes:
        status: what it answers; anything but 200 refuses.
        raw: the bodies, as they came.
    """

    url: str = ""
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    service: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def below(self, span: Span) -> list[Span]:
        """Its children, in their order in time."""
        found = [each for each in self.spans if each.parent == span.id]
        return sorted(found, key=lambda each: each.started)

    def take(self, body: bytes) -> None:
        """Decodes a request."""
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.service = {each.key: _value(each.value) for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans.extend(
                    Span(
                        each.name,
                        each.span_id,
                        each.parent_span_id,
                        each.start_time_unix_nano,
                        each.end_time_unix_nano,
                        {found.key: _value(found.value) for found in each.attributes},
                        each.status.code == 2,
                    )
                    for each in scope.spans
                )


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """One that listens on this machine."""
    collector = Collector()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.headers = {name.lower(): value for name, value in self.headers.items()}
            if collector.status == 200:
                collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(collector.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    collector.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [_value(each) for each in found.values] if kind == "array_value" else found
