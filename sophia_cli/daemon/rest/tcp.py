"""The socket and the certificate of REST on TCP, each fault in one line."""

from __future__ import annotations

import socket
import ssl

from sophia_cli.config.faces import Tls
from sophia_cli.config.files import read_small_file
from sophia_cli.errors import ConfigurationError, Unreachable

_LARGEST_KEY = 1 << 20


def bound(listen: str) -> socket.socket:
    """A socket that is bound to `HOST:PORT` and does not listen yet.

    Raises:
        Unreachable: it cannot be bound.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
        except BaseException:
            opened.close()
            raise
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Unreachable(
            f"rest.listen {listen}: {why}", "free that port, or choose another"
        ) from error
    return opened


def context(tls: Tls) -> ssl.SSLContext | None:
    """What TLS needs; None where no certificate is named.

    Raises:
        ConfigurationError: a file cannot be read or holds no certificate, or others may read
            the key.
    """
    if tls.certificate_file is None:
        return None
    key = tls.key_file or tls.certificate_file
    try:
        read_small_file(key, _LARGEST_KEY, private=True)
    except ConfigurationError as error:
        raise ConfigurationError(f"rest.tls: {error.message}", error.hint) from None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password of its own, OpenSSL would ask a terminal.
        made.load_cert_chain(tls.certificate_file, key, password=lambda: b"")
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or "cannot be used"
        raise ConfigurationError(
            f"rest.tls: {tls.certificate_file}: {str(why).lower().replace('_', ' ')}",
            "give a certificate and its key as PEM",
        ) from error
    return made
