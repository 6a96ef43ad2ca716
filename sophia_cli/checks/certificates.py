"""How long certificates hold: those in files, and those that servers show."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from sophia_cli.checks.check import Finding, failed, passed, unknown, warned

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SOON = 14
"""Days before its end from which on a certificate is to be renewed."""
_PATIENCE = 3.0
_PORTS = {"https": 443, "rediss": 6379, "postgresql": 5432, "postgres": 5432}
_ENCRYPTED = ("require", "verify-ca", "verify-full")
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


def in_file(path: Path, key: Path | None, now: datetime) -> Iterator[Finding]:
    """What a PEM file of a certificate, and the file of its key, come to.

    Args:
        key: None where the certificate's file holds the key as well.
    """
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        yield failed(f"it cannot be read: {(error.strerror or '').lower()}", str(path))
        return
    except ValueError:
        yield failed("it holds no certificate as PEM", str(path))
        return
    yield judged(found[0], str(path), now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key would have it ask on the terminal.
        context.load_cert_chain(path, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "refused"
        yield failed(
            f"the certificate and its key do not go together: {str(reason).lower()}",
            str(key or path),
        )


def of_server(url: str, subject: str, now: datetime) -> Iterator[Finding]:
    """What the certificate comes to that the server at an address shows.

    Whether it is the right one is for the tier to say, which does not speak to another.

    Args:
        subject: which address it is, for people: the key, or the host.
    """
    from cryptography import x509

    for host, port, postgres in endpoints(url):
        name = f"{subject} {host}:{port}"
        try:
            shown = _shown(host, port, postgres)
        except (OSError, ValueError) as error:
            yield unknown(f"it does not show one: {_cause(error)}", name)
            continue
        yield judged(x509.load_der_x509_certificate(shown), name, now)


def endpoints(url: str) -> list[tuple[str, int, bool]]:
    """The hosts and ports that an address encrypts to, and whether PostgreSQL's way."""
    parts = urlsplit(url)
    if parts.scheme in ("https", "rediss"):
        return [(parts.hostname or "", parts.port or _PORTS[parts.scheme], False)]
    if parts.scheme not in ("postgresql", "postgres"):
        return []
    if parse_qs(parts.query).get("sslmode", ["prefer"])[0] not in _ENCRYPTED:
        return []
    found = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        host, mark, port = each.rpartition(":")
        host = (host if mark and port.isdigit() else each).strip("[]")
        found.append((host, int(port) if mark and port.isdigit() else 5432, True))
    return found


def judged(certificate: Certificate, subject: str, now: datetime) -> Finding:
    """One certificate at this moment."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    days = (ends - now).total_seconds() / 86400
    evidence = f"{subject}: valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
    if now < begins:
        return failed(f"it is not valid before {begins:%Y-%m-%d %H:%M} UTC", subject, evidence)
    if days < 0:
        return failed(f"it ended {-days:,.0f} days ago", subject, evidence)
    if days < SOON:
        return warned(f"it ends in {days:,.0f} days", subject, evidence)
    return passed(f"it holds for {days:,.0f} days", subject, evidence)


def _shown(host: str, port: int, postgres: bool) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Its end is looked at, nothing is told to it.
    with socket.create_connection((host, port), timeout=_PATIENCE) as plain:
        plain.settimeout(_PATIENCE)
        if postgres:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise ValueError("the server does not encrypt")
        with context.wrap_socket(plain, server_hostname=host) as peer:
            shown = peer.getpeercert(binary_form=True)
    if not shown:
        raise ValueError("no certificate")
    return shown


def _cause(error: OSError | ValueError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_PATIENCE:g} s"
    if isinstance(error, ssl.SSLError):
        return f"no TLS there ({(error.reason or 'refused').lower()})"
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error)).lower()
