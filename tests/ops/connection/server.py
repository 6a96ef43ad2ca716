"""An SSH server in this process, with real shells behind it, and a switch for every fault.

A host with a user `ubuntu`, whom one key lets in. Its `sudo` is a fake that keeps to what sudo(8)
says of the options that are used, and ends with 97 on any other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from sophia_cli.ops.connection.known_hosts import KnownHosts
from tests.ops.connection.showing import private_key, public

SUDO = Path(__file__).with_name("sudo")


@dataclass
class Faults:
    """What is wrong with it; may be changed while it runs.

    Attributes:
        before_banner: takes connections and says nothing.
        at_login: answers everything up to the login, and not that.
        refuses: lets nobody in.
        sessions: sessions of one connection at most.
        no_forwarding: makes no TCP connections for its clients.
    """

    before_banner: bool = False
    at_login: bool = False
    refuses: bool = False
    sessions: int = 10
    no_forwarding: bool = False


@dataclass
class SshServer:
    """A running server; see `serving`.

    Attributes:
        commands: every line that a shell was given.
        environment: of its shells.
        login_words: what its users' login shell runs first, as a .bashrc does.
    """

    folder: Path
    host_key: paramiko.PKey
    user_key: paramiko.PKey
    port: int = 0
    faults: Faults = field(default_factory=Faults)
    commands: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    login_words: str = ""
    _sockets: list[_Freezable] = field(default_factory=list)
    _transports: list[paramiko.Transport] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def key_file(self) -> Path:
        """The private key that it lets in."""
        return self.folder / "id"

    @property
    def known_hosts_file(self) -> Path:
        """Holds its key."""
        return self.folder / "known_hosts"

    def sudo(self, says: str) -> None:
        """How its sudo is set up: `free`, `password:WORD` or `refuses`."""
        self.environment["FAKE_SUDO"] = says

    def drop(self) -> None:
        """Every connection ends, as when sshd is killed; what runs goes on."""
        for sock in list(self._sockets):
            sock.abort()

    def freeze(self) -> None:
        """Says nothing any more, and reads nothing, on any connection."""
        for sock in list(self._sockets):
            sock.frozen.set()

    def opened(self) -> int:
        """Connections that are open."""
        return sum(transport.is_active() for transport in self._transports)


class _Freezable:
    """The server's end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._closed = False
        self.frozen = threading.Event()
        self.settimeout = sock.settimeout
        self.getpeername = sock.getpeername

    def recv(self, size: int) -> bytes:
        while self.frozen.is_set() and not self._closed:
            time.sleep(0.02)
        return self._sock.recv(size)

    def send(self, data: bytes) -> int:
        while self.frozen.is_set() and not self._closed:
            time.sleep(0.02)
        return self._sock.send(data)

    def abort(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        self._closed = True
        self._sock.close()


@contextlib.contextmanager
def serving(
    folder: Path, *more_keys: paramiko.PKey, address: str = "127.0.0.1"
) -> Iterator[SshServer]:
    """A server whose key is pinned in its own file of known hosts.

    Args:
        folder: of its own.
        address: of this machine's own 127.0.0.0/8.
        more_keys: host keys that it has besides and that are not pinned.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = SshServer(folder, private_key("ed25519"), private_key("ecdsa"))
    server.user_key.write_private_key_file(str(server.key_file))
    server.key_file.chmod(0o600)
    tools = folder / "bin"
    tools.mkdir()
    (tools / "sudo").symlink_to(SUDO)
    server.environment = {
        "PATH": f"{tools}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "HOME": str(folder),
        "FAKE_SUDO": "free",
    }
    listener = socket.create_server((address, 0))
    server.port = int(listener.getsockname()[1])
    KnownHosts(server.known_hosts_file).pin(address, server.port, public(server.host_key))
    threading.Thread(target=_accept, args=(server, listener, more_keys), daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.drop()
        for process in server.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        for transport in server._transports:
            transport.close()


def _accept(
    server: SshServer, listener: socket.socket, more_keys: tuple[paramiko.PKey, ...]
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock = _Freezable(connection)
        server._sockets.append(sock)
        if server.faults.before_banner:
            continue
        transport = paramiko.Transport(sock)
        transport.daemon = True
        server._transports.append(transport)
        for key in (server.host_key, *more_keys):
            transport.add_server_key(key)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(event=threading.Event(), server=_Host(server, sock))


class _Host(paramiko.ServerInterface):
    def __init__(self, server: SshServer, sock: _Freezable) -> None:
        self._server = server
        self._sock = sock
        self._sessions = 0

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self._server.faults.at_login:
            self._sock.frozen.set()
        if self._server.faults.refuses or key != self._server.user_key:
            return paramiko.AUTH_FAILED
        self._server.logins.append(username)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind != "session" or self._sessions >= self._server.faults.sessions:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self._sessions += 1
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.commands.append(command.decode("utf-8", "surrogateescape"))
        threading.Thread(target=self._serve, args=(channel, command), daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: Any, destination: tuple[str, int]
    ) -> int:
        if self._server.faults.no_forwarding:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            made = socket.create_connection(destination, 5)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        threading.Thread(target=self._forward, args=(chanid, made), daemon=True).start()
        return paramiko.OPEN_SUCCEEDED

    def _serve(self, channel: paramiko.Channel, command: bytes) -> None:
        try:
            _shell(self._server, channel, command)
        finally:
            self._sessions -= 1

    def _forward(self, chanid: int, made: socket.socket) -> None:
        channel = self._sock_channel(chanid)
        made.settimeout(None)
        back = _pump(lambda: made.recv(1 << 16), channel.sendall, channel.shutdown_write)
        _pump(
            lambda: channel.recv(1 << 16), made.sendall, lambda: made.shutdown(socket.SHUT_WR)
        ).join()
        back.join()
        made.close()
        channel.close()

    def _sock_channel(self, chanid: int) -> paramiko.Channel:
        """The channel that was just agreed to; it is there once this method's caller is back."""
        (transport,) = (each for each in self._server._transports if each.sock is self._sock)
        while (channel := transport._channels.get(chanid)) is None:
            time.sleep(0.001)
        return channel


def _shell(server: SshServer, channel: paramiko.Channel, command: bytes) -> None:
    """As sshd does: a session of its own, pipes, and no end of the command when they close."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", server.login_words.encode() + command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=server.environment,
        start_new_session=True,
        cwd=server.folder,
    )
    server.processes.append(process)
    assert process.stdin and process.stdout and process.stderr
    out, err, stdin = process.stdout, process.stderr, process.stdin
    reading = [
        _pump(lambda: os.read(out.fileno(), 1 << 16), channel.sendall),
        _pump(lambda: os.read(err.fileno(), 1 << 16), channel.sendall_stderr),
    ]
    _pump(lambda: channel.recv(1 << 16), lambda data: _write(stdin, data), stdin.close)
    status = process.wait()
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        if status >= 0:
            channel.send_exit_status(status)
        for each in reading:
            each.join()
        channel.close()


def _write(file: Any, data: bytes) -> None:
    file.write(data)
    file.flush()


def _pump(
    read: Callable[[], bytes],
    write: Callable[[bytes], object],
    end: Callable[[], object] | None = None,
) -> threading.Thread:
    """Carries bytes until there are none, in a thread."""

    def carry() -> None:
        with contextlib.suppress(OSError, EOFError, ValueError, paramiko.SSHException):
            while data := read():
                write(data)
        if end is not None:
            with contextlib.suppress(OSError, EOFError, ValueError, paramiko.SSHException):
                end()

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    return thread
