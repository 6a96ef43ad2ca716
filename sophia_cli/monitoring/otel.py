"""OpenTelemetry: one span for each operation, one below it for each stay in a tier.

They tell when, how long and how it ended; never what was stored, asked or found. They are sent in
the background; what cannot be sent is dropped, and no operation waits or fails for it.

Nothing but `spans` imports this: the package may be missing, and takes a quarter of a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from sophia_cli import __version__
from sophia_cli.config.faces import Tracing
from sophia_cli.config.secrets import mask
from sophia_cli.memory.trace import Trace

# Spans that wait to be sent, and that are sent at once.
_MOST, _BATCH = 2048, 512
_PAUSE_MS = 2000
_TIMEOUT, _CLOSING = 3.0, 5.0
log = logging.getLogger(__name__)


class Spans:
    """Makes spans of operations; see `Meters.observer`. Safe to use from threads."""

    def __init__(self, settings: Tracing, headers: Mapping[str, str]) -> None:
        # It would tell of every attempt; `_Telling` tells once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        about = {"service.name": settings.service_name, "service.version": __version__}
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(settings.sample_ratio),
            resource=Resource.create(about),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Telling(str(settings.endpoint), headers),
                max_queue_size=_MOST,
                max_export_batch_size=_BATCH,
                schedule_delay_millis=_PAUSE_MS,
            )
        )
        self._tracer = self._provider.get_tracer("sophia")
        self._failed = False

    def __call__(
        self,
        operation: str,
        started: float,
        ended: float,
        trace: Trace,
        error: BaseException | None,
    ) -> None:
        """Notes one operation that has ended; raises nothing."""
        try:
            self._note(operation, started, ended, trace, error)
        except Exception as fault:
            if not self._failed:
                self._failed = True
                log.warning("tracing: a span could not be made: %s", type(fault).__name__)

    def close(self) -> None:
        """Sends what waits to be sent, for five seconds at most."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(_CLOSING)

    def _note(
        self,
        operation: str,
        started: float,
        ended: float,
        trace: Trace,
        error: BaseException | None,
    ) -> None:
        at = _wall_clock()
        span = self._tracer.start_span(
            f"sophia.{operation}", Context(), attributes=_told(trace), start_time=at(started)
        )
        if span.is_recording():
            below = set_span_in_context(span, Context())
            for stay in trace.stays or ():
                name, begun = f"sophia.{stay.tier}", at(stay.started)
                child = self._tracer.start_span(name, below, start_time=begun)
                if not stay.up:
                    child.set_status(Status(StatusCode.ERROR))
                child.end(at(stay.ended))
            if error is not None:
                span.set_attribute("error.type", getattr(error, "code", "internal"))
                span.set_status(Status(StatusCode.ERROR))
        span.end(at(ended))


def _told(trace: Trace) -> dict[str, Any]:
    told: dict[str, Any] = {"sophia.degraded": bool(trace.degraded)}
    if trace.served_by is not None:
        told["sophia.served_by"] = trace.served_by
    if trace.request is not None:
        told["sophia.request"] = trace.request
    return told | {f"sophia.{name}": value for name, value in trace.facts.items()}


def _wall_clock() -> Callable[[float], int]:
    """From seconds of `perf_counter` to nanoseconds since 1970."""
    offset = time.time_ns() - time.perf_counter_ns()
    return lambda seconds: offset + int(seconds * 1e9)


class _Telling(SpanExporter):
    """Sends spans; says when the collector stops taking them, and when it takes them again."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._exporter = OTLPSpanExporter(endpoint, headers=dict(headers), timeout=_TIMEOUT)
        self._endpoint = mask(endpoint)
        self._down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See OpenTelemetry."""
        result = self._exporter.export(spans)
        down = result is not SpanExportResult.SUCCESS
        if down and not self._down:
            log.warning(
                "tracing: %s takes no spans: they are dropped until it does", self._endpoint
            )
        elif self._down and not down:
            log.warning("tracing: %s takes spans again", self._endpoint)
        self._down = down
        return result

    def shutdown(self) -> None:
        """See OpenTelemetry."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
