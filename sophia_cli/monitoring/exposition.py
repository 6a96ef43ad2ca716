"""What `GET /metrics` answers: the text that Prometheus reads."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder

from sophia_cli.memory.service import MemoryService
from sophia_cli.monitoring.collector import families
from sophia_cli.monitoring.figures import Figures

_lock = threading.Lock()
_figures: weakref.WeakKeyDictionary[MemoryService, Figures] = weakref.WeakKeyDictionary()
_process = ProcessCollector(registry=None)


def exposition(service: MemoryService, accept: str = "") -> tuple[bytes, str]:
    """Every metric of a service and of this process.

    A tier that is down shows as `sophia_tier_up` 0 and costs one short wait; nothing is raised for
    it.

    Args:
        accept: the request's header: OpenMetrics for who asks for it, else the older text format.

    Returns:
        The body, and its content type.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_Scraped(service)), content_type


class _Scraped:
    """Stands for a registry: the encoders want no more of one than this."""

    def __init__(self, service: MemoryService) -> None:
        self._service = service

    def collect(self) -> Iterator[Family]:
        yield from families(self._service, figures_of(self._service))
        yield from _process.collect()


def figures_of(service: MemoryService) -> Figures:
    """The figures of a service, shared by all who look at it."""
    with _lock:
        return _figures.setdefault(service, Figures(service))
