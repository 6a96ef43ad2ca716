"""Certificates made for tests, and servers that show them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def made(folder: Path, days: float, name: str = "rest") -> tuple[Path, Path]:
    """A certificate that ends in so many days, and its key; both 0600."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    for path, content in zip(
        paths,
        (
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        ),
        strict=True,
    ):
        path.touch(0o600)
        path.write_bytes(content)
    return paths


@contextlib.contextmanager
def showing(certificate: Path, key: Path, *, postgres: bool = False) -> Iterator[int]:
    """A server on 127.0.0.1 that encrypts and says no more; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), client:
                if postgres:
                    assert client.recv(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
                    client.sendall(b"S")
                with context.wrap_socket(client, server_side=True) as peer:
                    peer.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
