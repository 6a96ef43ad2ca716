"""The Grafana dashboard: its model, from the short form in `configs/monitoring/dashboard.yml`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sophia_cli.monitoring import templates

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS, _HEIGHT = 24, 8
_SCHEMA = 39


def model(parts: Collection[str]) -> dict[str, Any]:
    """What Grafana imports; no id, a fixed uid, every query through the datasource variable.

    Args:
        parts: which of the parts that not everybody has are there: `qdrant`, `gpu`.
    """
    short = templates.data("dashboard.yml")
    return {
        "id": None,
        "uid": short["uid"],
        "title": short["title"],
        "tags": ["sophia"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _instances()]},
        "annotations": {"list": []},
        "panels": list(_panels(short["rows"], parts)),
    }


def queries(parts: Collection[str]) -> list[tuple[str, str]]:
    """Every query with the title of its panel."""
    return [
        (panel["title"], target["expr"])
        for panel in model(parts)["panels"]
        for target in panel.get("targets", ())
    ]


def _panels(
    rows: Collection[Mapping[str, Any]], parts: Collection[str]
) -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for row in _those_of(rows, parts):
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row["title"],
            "collapsed": False,
            "gridPos": {"h": 1, "w": _COLUMNS, "x": 0, "y": y},
            "panels": [],
        }
        y, x = y + 1, 0
        for panel in _those_of(row["panels"], parts):
            if x + panel["width"] > _COLUMNS:
                x, y = 0, y + _HEIGHT
            number += 1
            yield _panel(panel, number, {"h": _HEIGHT, "w": panel["width"], "x": x, "y": y})
            x += panel["width"]
        y += _HEIGHT


def _those_of(
    each: Collection[Mapping[str, Any]], parts: Collection[str]
) -> Iterator[Mapping[str, Any]]:
    return (one for one in each if one.get("only_with") in (None, *parts))


def _panel(short: Mapping[str, Any], number: int, place: Mapping[str, int]) -> dict[str, Any]:
    kind = short.get("type", "timeseries")
    return {
        "id": number,
        "type": kind,
        "title": short["title"],
        "description": short.get("about", ""),
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _states() if kind == "state-timeline" else _lines(short)},
        "options": _options(kind),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _DATASOURCE,
                "expr": query["expr"],
                "legendFormat": query["legend"],
                "range": True,
            }
            for index, query in enumerate(short["queries"])
        ],
    }


def _lines(short: Mapping[str, Any]) -> dict[str, Any]:
    scale = {"type": "log", "log": 10} if short.get("log") else {"type": "linear"}
    stacked = bool(short.get("stacked"))
    limits = {"min": 0} if not short.get("log") else {}
    return {
        "unit": short["unit"],
        **limits,
        **({"max": short["max"]} if "max" in short else {}),
        "custom": {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 20 if stacked else 0,
            "stacking": {"mode": "normal" if stacked else "none"},
            "scaleDistribution": scale,
            "showPoints": "never",
        },
    }


def _states() -> dict[str, Any]:
    return {
        "mappings": [
            {
                "type": "value",
                "options": {
                    "0": {"text": "down", "color": "red", "index": 0},
                    "1": {"text": "up", "color": "green", "index": 1},
                },
            }
        ],
        "custom": {"fillOpacity": 70, "lineWidth": 0},
    }


def _options(kind: str) -> dict[str, Any]:
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    if kind == "state-timeline":
        return {"legend": legend, "mergeValues": True, "showValue": "never", "rowHeight": 0.8}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
    }


def _instances() -> dict[str, Any]:
    query = "label_values(sophia_build_info, instance)"
    return {
        "name": "instance",
        "label": "Resident process",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": "instances"},
        "definition": query,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    }
