"""Versions that fit one another, and what each server says of its own readiness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, unknown, warned
from sophia_cli.checks.qdrant.hearing import Hearing
from sophia_cli.checks.qdrant.sources import on_cluster
from sophia_cli.ops.qdrant.asks import Silence

_CLIENT = "qdrant-client"
_NUMBERS = re.compile(r"(\d+)\.(\d+)")


def _ready(heard: Hearing) -> Iterator[Finding]:
    for said in heard.answering:
        host = said.peer.host
        bad: list[str] = []
        silent: list[str] = []
        for path in ("/healthz", "/livez", "/readyz"):
            answer = heard.each(path)[host]
            if isinstance(answer, Silence):
                silent.append(f"{path}: {answer.reason}")
            elif answer.status != 200:
                bad.append(f"{path}: {answer.error}")
        if bad and all(each.startswith("/readyz") for each in bad):
            yield warned(f"it is not ready: {bad[0].partition(': ')[2]}", host, *bad)
        elif bad:
            yield failed("it says itself that it is not well", host, *bad)
        elif silent:
            yield unknown("it does not say", host, *silent)
        else:
            yield passed("it says so itself", host)


def _versions(heard: Hearing) -> Iterator[Finding]:
    by_host = {said.peer.host: said.version for said in heard.answering if said.version}
    evidence = [f"{host}: {each}" for host, each in by_host.items()]
    evidence += [
        f"{seen.by}: {seen.host or seen.id} is {seen.details['version']}"
        for seen in heard.sightings
        if seen.details.get("version")
    ]
    found = sorted({*by_host.values(), *_seen(heard)}, key=_numbers)
    if not found:
        yield unknown("no server tells its version")
        return
    client = _client()
    evidence.append(f"this machine: {_CLIENT} {client or 'not known'}")
    spread = _apart(found[0], found[-1])
    unfit = [each for each in found if client and _apart(client, each) > 1]
    named = " and ".join(found)
    if spread > 1:
        yield failed(f"{named}: more than one minor version apart", "", *evidence)
    elif unfit:
        yield failed(f"{' and '.join(unfit)}: does not fit {_CLIENT} {client}", "", *evidence)
    elif len(found) > 1:
        yield warned(f"{named}: an upgrade is under way, or was left halfway", "", *evidence)
    else:
        yield passed(f"all run {named}", "", *evidence)


def _seen(heard: Hearing) -> Iterator[str]:
    """The versions that peers told one another."""
    for seen in heard.sightings:
        if seen.details.get("version"):
            yield str(seen.details["version"])


def _client() -> str:
    try:
        return version(_CLIENT)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, int]:
    found = _NUMBERS.match(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _apart(one: str, other: str) -> int:
    """Minor versions between two; many where the major version is another."""
    (major, minor), (other_major, other_minor) = _numbers(one), _numbers(other)
    return abs(minor - other_minor) if major == other_major else 1000


CHECKS: tuple[Check, ...] = (
    Check(
        "QD-03",
        "Every server says that it is well and ready",
        Severity.SERIOUS,
        "Asks /healthz, /livez and /readyz. They are necessary and prove next to nothing: a server "
        "says that it is ready without a quorum, on a full disk, and after it was removed.",
        "wait while it catches up after a restart; else look at its log",
        on_cluster(_ready),
        timeout=11.0,
    ),
    Check(
        "QD-04",
        "Servers and client fit in their versions",
        Severity.SERIOUS,
        "Compares the versions of all servers, as each tells them and as they tell one another, "
        "and with the client of this machine: the same major version, and at most one minor apart. "
        "Different ones are right only during an upgrade.",
        "finish the upgrade: `sophia deploy qdrant`, one minor version at a time",
        on_cluster(_versions),
        timeout=11.0,
    ),
)
