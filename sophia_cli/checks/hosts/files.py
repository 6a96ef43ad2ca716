"""Files on the hosts: secrets, certificates, and the lease that a deployment left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, warned
from sophia_cli.checks.hosts.asked import NotTold
from sophia_cli.checks.hosts.asked_services import DeployLock, LeftLock, Modes
from sophia_cli.checks.hosts.expected import POSTGRES_CERTIFICATE
from sophia_cli.checks.hosts.told import Told, not_told, on_each
from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.lease import DIRECTORY

_SOON, _AT_ONCE = 14.0, 3.0
"""Days before its end from which on a certificate is to be renewed."""
_SILENCE = 30
"""Seconds without a sign of life after which a lease is anybody's: see `ops.lock`."""


def _secrets(said: Told) -> Iterator[Finding]:
    modes = said.of(Modes(said.expected.secrets))
    if isinstance(modes, NotTold):
        yield not_told(said, modes)
        return
    for path, mode in modes.items():
        if not mode.is_private:
            yield failed(
                f"others may use {path}",
                said.name,
                f"{path}: mode {mode.mode}, of {mode.owner}:{mode.group}",
                command=f"sophia exec --on {said.name} --sudo -- chmod go= {path}",
            )
    private = sum(mode.is_private for mode in modes.values())
    if modes and private == len(modes):
        yield passed(f"{private} file{'s' * (private > 1)}, its owner's alone", said.name)


def _certificate(said: Told) -> Iterator[Finding]:
    fact = next(
        (
            inner
            for brief in said.known.values
            if isinstance(inner := getattr(brief, "fact", None), FileText)
        ),
        None,
    )
    if fact is None:
        return
    content = said.of(fact)
    if isinstance(content, NotTold):
        yield not_told(said, content)
    elif content is None:
        yield failed(f"{POSTGRES_CERTIFICATE} is not there", said.name, command="sophia deploy")
    else:
        yield certificate(content, said.name, datetime.fromtimestamp(said.answered, UTC))


def certificate(content: bytes, host: str, now: datetime) -> Finding:
    """What a certificate, as PEM, comes to at a time."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(content)[0]
    except ValueError:
        return failed(f"{POSTGRES_CERTIFICATE} holds no certificate", host)
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    days = (ends - now).total_seconds() / 86400
    evidence = f"{POSTGRES_CERTIFICATE}: valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
    if now < begins:
        return failed(f"PostgreSQL's is not valid before {begins:%Y-%m-%d}", host, evidence)
    if days < 0:
        return failed(f"PostgreSQL's ended {-days:,.0f} days ago", host, evidence)
    if days < _AT_ONCE:
        return failed(f"PostgreSQL's ends in {days:,.1f} days", host, evidence)
    if days < _SOON:
        return warned(f"PostgreSQL's ends in {days:,.0f} days", host, evidence)
    return passed(f"PostgreSQL's holds for {days:,.0f} days", host, evidence)


def _lock(said: Told) -> Iterator[Finding]:
    lock = said.of(DeployLock(DIRECTORY))
    if isinstance(lock, NotTold):
        yield not_told(said, lock)
    elif lock is None:
        yield passed("nobody works on it", said.name)
    elif -_SILENCE <= lock.age <= _SILENCE:
        yield passed(f"{_holder(lock)} works on it, and is alive", said.name)
    else:
        yield warned(
            f"{_holder(lock)} began to change it and has been silent for {abs(lock.age):,} s",
            said.name,
            f"{DIRECTORY}/lock",
        )


def _holder(lock: LeftLock) -> str:
    """Who the lease names, and for what."""
    try:
        said = json.loads(lock.text)
        return f"{str(said['owner'])[:80]} ({str(said['purpose'])[:40]})"
    except (ValueError, LookupError, TypeError):
        return "somebody"


CHECKS: tuple[Check, ...] = (
    Check(
        "HO-16",
        "Secrets on hosts are their owner's alone",
        Severity.CRITICAL,
        "Reads the modes of the files below /etc/sophia that hold a password, a key or a token; "
        "nothing of their content. Who reads Qdrant's key reads every memory.",
        "`sophia deploy` sets the modes; renew a secret that others could read",
        on_each(_secrets, "no host has a file with a secret yet"),
        timeout=11.0,
    ),
    Check(
        "HO-17",
        "PostgreSQL's certificate holds",
        Severity.SERIOUS,
        "Reads the certificate that PostgreSQL's host has, where services.postgres names one. It "
        "warns 14 days before its end and fails 3 days before: after it, no client connects.",
        "renew services.postgres.tls_certificate_file, then `sophia deploy memory`",
        on_each(_certificate, "no certificate is deployed", lambda host: host.certificate),
        timeout=11.0,
    ),
    Check(
        "HO-18",
        "No deployment was left halfway",
        Severity.MINOR,
        "Looks for the lease that a deployment holds on a host while it works there. One that has "
        "given no sign of life for 30 s was left by a deployment that did not come to its end.",
        "`sophia deploy` takes it over and brings the host to where it should be",
        on_each(_lock, "no host"),
        timeout=11.0,
    ),
)
