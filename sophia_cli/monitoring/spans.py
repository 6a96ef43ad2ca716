"""Spans, where they are asked for and the package for them is there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sophia_cli.config.faces import Tracing

if TYPE_CHECKING:
    from sophia_cli.monitoring.otel import Spans

log = logging.getLogger(__name__)


def spans_to(settings: Tracing) -> Spans | None:
    """Spans for the collector that is configured; None, and a warning, without the package.

    Raises:
        ConfigurationError: the file with the headers cannot be used.
    """
    headers = settings.headers()
    try:
        from sophia_cli.monitoring.otel import Spans
    except ImportError as error:
        log.warning(
            "tracing: no spans: the package %s is missing; pip install 'sophia-cli[otel]'",
            error.name,
        )
        return None
    return Spans(settings, headers)
