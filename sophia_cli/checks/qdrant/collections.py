"""The collections themselves: in good order, indexed, and findable by whose a memory is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sophia_cli.checks.check import (
    Check,
    Finding,
    Severity,
    failed,
    passed,
    skipped,
    unknown,
    warned,
)
from sophia_cli.checks.qdrant.hearing import Hearing
from sophia_cli.checks.qdrant.replicas import NO_COLLECTIONS
from sophia_cli.checks.qdrant.sources import on_cluster
from sophia_cli.ops.qdrant.asks import Silence
from sophia_cli.tiers.vectors.names import KEYWORDS, TENANT, TIME

_INDEXED = 0.9
_WAKE = 'wake it: PATCH /collections/{} with {{"optimizers_config": {{}}}}'


def _each(heard: Hearing) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every collection, with what each peer says of it, by host."""
    for name in heard.look.collections:
        yield name, heard.collection(name)


def _green(heard: Hearing) -> Iterator[Finding]:
    found = False
    for name, said in _each(heard):
        found = True
        evidence = [
            f"{host}: {info.get('status')}, optimizer {_word(info.get('optimizer_status'))}"
            for host, info in said.items()
        ]
        worst = {str(info.get("status")) for info in said.values()}
        broken = {_word(info.get("optimizer_status")) for info in said.values()} - {"ok"}
        if broken:
            yield failed(f"its optimizer says: {'; '.join(sorted(broken))}", name, *evidence)
        elif "red" in worst:
            yield failed("it is red: an operation failed on it", name, *evidence)
        elif "grey" in worst:
            waits = "it is grey: its optimizer waits to be woken"
            yield warned(waits, name, *evidence, command=_WAKE.format(name))
        elif "yellow" in worst:
            yield passed("it is being optimized", name, *evidence)
        else:
            yield passed("it is green", name, *evidence)
    if not found:
        yield skipped(NO_COLLECTIONS)


def _word(status: object) -> str:
    """`ok`, or what the optimizer says."""
    if isinstance(status, dict):
        return str(status.get("error", "an error"))[:200]
    return str(status)


def _indexed(heard: Hearing) -> Iterator[Finding]:
    found = False
    for name, said in _each(heard):
        for host, info in said.items():
            found = True
            yield _share(name, host, info)
    if not found:
        yield skipped(NO_COLLECTIONS)


def _share(name: str, host: str, info: Mapping[str, Any]) -> Finding:
    """How much is in an index, beside what each segment may keep without one."""
    where = f"{host} {name}"
    params = info["config"]["params"]
    dense = _dense(params)
    count = len(dense) + len(params.get("sparse_vectors") or {})
    points = int(info.get("points_count") or 0)
    indexed = int(info.get("indexed_vectors_count") or 0)
    total = points * count
    outside = max(total - indexed, 0)
    allowed = 0
    threshold = info["config"]["optimizer_config"].get("indexing_threshold")
    longest = max((int(one["size"]) for one in dense), default=0)
    if longest:
        kilobytes = 10_000 if threshold is None else int(threshold)
        each = kilobytes * 1024 // (longest * 4)
        allowed = each * int(info.get("segments_count") or 1) * len(dense)
    evidence = f"{host}: {indexed:,} of {total:,} vectors are in an index"
    if not total or outside <= max(allowed, (1 - _INDEXED) * total):
        return passed("as much is indexed as is worth it", where, evidence)
    if info.get("status") == "yellow":
        return passed("it is being indexed", where, evidence)
    return warned(f"{indexed / total:.0%} of its vectors are indexed", where, evidence)


def _dense(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    vectors = params.get("vectors") or {}
    return [vectors] if "size" in vectors else list(vectors.values())


def _not_deferred(heard: Hearing) -> Iterator[Finding]:
    found = False
    for name, said in _each(heard):
        found = True
        off: dict[str, list[str]] = {}
        for host, info in said.items():
            for what in _switched_off(info["config"]):
                off.setdefault(what, []).append(host)
        for what, hosts in off.items():
            restore = f"restore it: PATCH /collections/{name}"
            yield warned(what, name, f"says {', '.join(hosts)}", command=restore)
        if not off:
            yield passed("it is indexed as points come", name)
    if not found:
        yield skipped(NO_COLLECTIONS)


def _switched_off(config: Mapping[str, Any]) -> Iterator[str]:
    """What a bulk load switches off, and should have switched on again."""
    if config["optimizer_config"].get("indexing_threshold") == 0:
        yield "nothing is indexed: indexing_threshold is 0"
    hnsw = config.get("hnsw_config") or {}
    by_payload = hnsw.get("payload_m")  # one graph a tenant, on purpose
    if hnsw.get("m") == 0 and not by_payload:
        yield "no graph is built: m is 0"
    for one in _dense(config["params"]):
        own = one.get("hnsw_config") or {}
        if own.get("m") == 0 and not (own.get("payload_m") or by_payload):
            yield "no graph is built of a vector: its m is 0"


def _payload_indexes(heard: Hearing) -> Iterator[Finding]:
    wanted = {**dict.fromkeys(KEYWORDS, "keyword"), TIME: "float"}
    found = False
    for name, said in _each(heard):
        if name not in heard.wanted.collections:
            continue
        found = True
        lacks: dict[str, list[str]] = {}
        for host, info in said.items():
            schema = info.get("payload_schema") or {}
            for field, kind in wanted.items():
                index = schema.get(field) or {}
                if index.get("data_type") != kind:
                    lacks.setdefault(f"no {kind} index of {field}", []).append(host)
                elif field == TENANT and not (index.get("params") or {}).get("is_tenant"):
                    lacks.setdefault(f"{field} is not its tenant", []).append(host)
        for what, hosts in lacks.items():
            yield failed(what, name, f"says {', '.join(hosts)}")
        if not lacks:
            yield passed(f"{', '.join(wanted)}: each has its index", name, f"say {', '.join(said)}")
    if not found:
        yield skipped("there are no collections of sophia's yet")


def _no_issues(heard: Hearing) -> Iterator[Finding]:
    for host, said in heard.each("/issues").items():
        if isinstance(said, Silence) or said.status != 200:
            why = said.reason if isinstance(said, Silence) else said.error
            yield unknown(f"it does not tell: {why}", host)
            continue
        issues = (said.result or {}).get("issues") or []
        for issue in issues[:5]:
            yield warned(_issue(issue), host)
        if not issues:
            yield passed("it reports none", host)


def _issue(issue: object) -> str:
    """What the server reports, in its own words; it names fields, and no value of theirs."""
    if not isinstance(issue, dict):
        return str(issue)[:200]
    return str(issue.get("description") or issue.get("id") or "an issue")[:200].replace("\n", " ")


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-23",
        "Every collection is in good order",
        Severity.SERIOUS,
        "Reads the colour of each collection and what its optimizer says, from every peer. Red is "
        "an operation that failed, grey an optimizer that waits after a restart. Green alone "
        "proves little: it is green on a full disk as well.",
        "look at the log of the peer that says so; a grey one is woken by any change of its "
        "configuration",
        on_cluster(_green),
        timeout=11.0,
    ),
    Check(
        "QD-24",
        "Points are indexed",
        Severity.MINOR,
        "Compares how many vectors are in an index with how many there are, less what each segment "
        "may keep without one. What is not indexed is searched one by one.",
        "see QD-25 and the log; indexing goes on in the background",
        on_cluster(_indexed),
        timeout=11.0,
    ),
    Check(
        "QD-25",
        "Indexing is not left switched off",
        Severity.MINOR,
        "Looks for what a bulk load sets and should have set back: `indexing_threshold: 0`, and "
        "`m: 0` without a graph for each tenant.",
        "PATCH the collection's optimizers_config or hnsw_config back to what it was",
        on_cluster(_not_deferred),
        timeout=11.0,
    ),
    Check(
        "QD-26",
        "Every payload index is there",
        Severity.SERIOUS,
        "Looks in every peer's view for the indexes that sophia searches by: user, as the tenant, "
        "agent, session, tags and the time. Without one, a filtered search reads every point.",
        "sophia deploy qdrant",
        on_cluster(_payload_indexes),
        timeout=11.0,
    ),
    Check(
        "QD-27",
        "No server reports an issue",
        Severity.MINOR,
        "Reads what each server reports by itself: mostly searches that lack an index. An empty "
        "list proves nothing: it is empty with a dead peer, too.",
        "do what the issue says, or drop it with `DELETE /issues`",
        on_cluster(_no_issues),
        timeout=11.0,
    ),
)
