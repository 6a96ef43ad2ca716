"""Servers that show a host key: one in this process, and OpenSSH's own where it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import paramiko

from sophia_cli.ops.connection.known_hosts import HostKey
from tests.conftest import wait_until

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def private_key(kind: str) -> paramiko.PKey:
    """A new private key: `ed25519`, `ecdsa` or `rsa`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if kind == "rsa":
        return paramiko.RSAKey.generate(2048)
    if kind == "ecdsa":
        return paramiko.ECDSAKey.generate()
    import io

    text = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text.decode()))


def public(key: paramiko.PKey) -> HostKey:
    """What a client sees of it."""
    return HostKey(key.get_name(), key.get_base64())


def new_key(kind: str) -> HostKey:
    """A key that no host has."""
    return public(private_key(kind))


@contextlib.contextmanager
def showing(*keys: paramiko.PKey) -> Iterator[int]:
    """A server on 127.0.0.1 that shows these keys and lets nobody in; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[paramiko.Transport] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            opened.append(transport)
            for key in keys:
                transport.add_server_key(key)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(event=threading.Event(), server=paramiko.ServerInterface())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        for transport in opened:
            transport.close()


@contextlib.contextmanager
def sshd(folder: Path, kinds: Sequence[str], *lines: str) -> Iterator[int]:
    """OpenSSH's server on 127.0.0.1, with a host key of each kind in `folder`; yields its port.

    Args:
        lines: more of its configuration.
    """
    assert SSHD is not None
    folder.mkdir(mode=0o700, exist_ok=True)
    for kind in kinds:
        if not (folder / kind).exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", folder / kind], check=True
            )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    configuration = folder / "sshd_config"
    configuration.write_text(
        "\n".join(
            [
                f"ListenAddress 127.0.0.1:{port}",
                "PidFile none",
                "UsePAM no",
                "StrictModes no",
                "PasswordAuthentication no",
                *(f"HostKey {folder / kind}" for kind in kinds),
                *lines,
            ]
        )
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it wants its own empty directory
    server = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", configuration],
        stdin=subprocess.DEVNULL,
        stderr=(folder / "log").open("w"),
    )
    try:
        wait_until(lambda: _listens(port) or server.poll() is not None)
        assert server.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        server.terminate()
        server.wait(10)


def shown_by_sshd(folder: Path, kind: str) -> HostKey:
    """The public key of a kind that `sshd` shows from this folder."""
    name, base64, *_ = (folder / f"{kind}.pub").read_text().split()
    return HostKey(name, base64)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
