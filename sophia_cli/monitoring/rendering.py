"""The files that Prometheus, Grafana and Kubernetes take, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import yaml

from sophia_cli.config.durations import format_duration
from sophia_cli.monitoring import templates
from sophia_cli.monitoring.dashboard import model
from sophia_cli.monitoring.thresholds import CALLERS_OWN, Thresholds

RULES, DASHBOARD = "sophia-alerts.yml", "sophia-dashboard.json"
_GUIDE = (
    ("gpu_cache_latency_ms", "gpu_cache"),
    ("qdrant_search_latency_ms", "vectors"),
    ("redis_cache_latency_ms", "hot_cache"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be watched, and how.

    Attributes:
        targets, qdrant: HOST:PORT of each resident process and of each Qdrant peer.
        tls, qdrant_tls: whether they speak HTTPS.
        token_file, qdrant_key_file: where Prometheus finds its secrets; None: Qdrant asks for none.
        interval: between two scrapes, seconds.
        namespace: of the ConfigMap; None for the one it is applied to.
    """

    targets: Sequence[str]
    qdrant: Sequence[str] = ()
    tls: bool = False
    qdrant_tls: bool = False
    token_file: str = "/etc/prometheus/sophia.token"  # noqa: S105  (a path)
    qdrant_key_file: str | None = None
    interval: float = 15.0
    namespace: str | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)


def rendered(wanted: Wanted) -> dict[str, str]:
    """Each file's name and text; the same for the same `wanted`."""
    dashboard = json.dumps(model(("gpu", *(["qdrant"] if wanted.qdrant else []))), indent=2) + "\n"
    return {
        "prometheus.yml": templates.filled("prometheus.yml", _scraping(wanted)),
        RULES: alerts(wanted.thresholds, qdrant=bool(wanted.qdrant)),
        DASHBOARD: dashboard,
        "grafana-dashboard.yaml": _config_map(dashboard, wanted.namespace),
    }


def alerts(thresholds: Thresholds, *, qdrant: bool) -> str:
    """The rules, as Prometheus reads them."""
    values = asdict(thresholds) | {"hold": _duration(thresholds.hold)}
    return templates.filled(
        "alerts.yml", values | {"qdrant": qdrant, "guide": _GUIDE, "callers_own": _CALLERS_OWN}
    )


_CALLERS_OWN = "|".join(CALLERS_OWN)


def _scraping(wanted: Wanted) -> dict[str, Any]:
    return {
        "interval": _duration(wanted.interval),
        "rules": [RULES],
        "targets": list(wanted.targets),
        "tls": wanted.tls,
        "token_file": wanted.token_file,
        "qdrant": list(wanted.qdrant),
        "qdrant_tls": wanted.qdrant_tls,
        "qdrant_key_file": wanted.qdrant_key_file,
    }


def _duration(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


class _Literal(str):
    """A text that YAML shows as it is, line by line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Literal,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"),
)


def _config_map(dashboard: str, namespace: str | None) -> str:
    """The dashboard where Grafana's sidecar looks for it.

    The bare model: the `{"dashboard": ...}` of the guide is what Grafana's HTTP API takes.
    """
    metadata: dict[str, Any] = {"name": "sophia-memory-dashboard"}
    if namespace is not None:
        metadata["namespace"] = namespace
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata | {"labels": {"grafana_dashboard": "1"}},
        "data": {DASHBOARD: _Literal(dashboard)},
    }
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=10_000)
