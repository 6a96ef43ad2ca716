"""One peer from its first line to its last: storage, consensus, ports, and the end."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import pace
from .arguments import VERSION, Arguments, Ended, parse
from .cluster_state import NotApplicable
from .consensus import Consensus
from .control import DISK_FULL, Control
from .elections import Elections
from .failures import now
from .http_server import Handle, Server
from .internal import Internal
from .leading import Leading
from .links import Links, Unreachable
from .local import LocalShards
from .raft_store import Op, RaftStore
from .readiness import Readiness
from .refusals import Refusal, StartFailure, consensus_start, internal
from .replicas import Replicas
from .rest import Rest
from .settings import Settings, load
from .transfers import Transfers

_PANIC = 101


def main(argv: Sequence[str]) -> int:
    """Runs until SIGTERM or SIGINT; what stops the real server at start stops it as well."""
    try:
        arguments = parse(argv)
        settings = load(arguments.config_path)
        print("A stand-in for the Qdrant server, for tests; not Qdrant.", flush=True)
        peer = Peer(arguments, settings)
        peer.start()
    except Ended as ended:
        print(ended.text, end="", file=sys.stderr if ended.code else sys.stdout, flush=True)
        return ended.code
    except StartFailure as failure:
        if failure.panic:
            say("ERROR", "qdrant::startup", failure.panic)
        out = sys.stdout if failure.panic else sys.stderr
        for line in failure.lines:
            print(line, file=out, flush=True)
        _leave(failure.code)
    peer.wait()
    _leave(0)
    return 0


def say(level: str, where: str, text: str) -> None:
    """A line of the log, as the server writes it."""
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    print(f"{when} {level:>5} {where}: {text}", flush=True)


class Peer:
    """A peer that has read its storage and taken its part in consensus, but serves nothing yet.

    Raises:
        StartFailure: it cannot.
    """

    def __init__(self, arguments: Arguments, settings: Settings) -> None:
        self.settings = settings
        self.started = now()
        self.version = VERSION
        self.snapshots_made: dict[str, int] = {}
        self._stopping = threading.Event()
        storage = settings.storage
        for directory in (storage, settings.snapshots):
            _make(directory)
        self.control = Control(Path(os.environ.get("STANDIN_CONTROL", storage / "standin.json")))
        store = RaftStore(storage)
        host = settings.get("service.host")
        self.links = Links(
            self.control,
            None if host in ("0.0.0.0", "::", "") else host,  # noqa: S104
            settings.get("service.api_key"),
            _client_tls(settings),
        )
        self.local = LocalShards(storage, store.peer_id)
        enabled = settings.get("cluster.enabled")
        self.consensus = Consensus(store, self.links, enabled, self._applied)
        if store.fresh and enabled:
            self._enter(store, arguments)
        self.links.introduce(store.uri)
        self._replaying = True
        try:
            self.consensus.replay()
        except NotApplicable as error:
            raise StartFailure(
                _PANIC,
                "",
                "Caused by:",
                f"    Service internal error: {error}",
                panic="Panic occurred in file src/main.rs at line 613: Can't initialize consensus: "
                "Failed to apply collection meta operation entry",
            ) from error
        self._replaying = False
        self.local.reconcile(self.consensus.state)
        self.replicas = Replicas(self.consensus, self.local, self.control, self.disk_is_full)
        self.transfers = Transfers(self.consensus, self.local, self.control)
        self.readiness = Readiness(self.consensus)
        self._rest: Server | None = None
        self._p2p: Server | None = None

    def start(self) -> None:
        """Opens the ports and starts what runs beside them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        host = self.settings.get("service.host")
        if self.consensus.enabled:
            key = None
            if self.settings.get("service.enforce_internal_auth"):
                key = self.settings.get("service.api_key")
            messages = Internal(self.consensus, self.local, self.control, key, self.disk_is_full)
            self._p2p = self._listen(
                host,
                self.settings.get("cluster.p2p.port"),
                messages.handle,
                self.settings.get("cluster.p2p.enable_tls"),
                "internal gRPC",
            )
            Elections(self.consensus, self.control).start()
            Leading(self.consensus).start()
            threading.Thread(target=self._tell_version, daemon=True).start()
        self.transfers.start()
        self.readiness.start()
        port = self.settings.get("service.http_port")
        rest = Rest(self)
        self._rest = self._listen(
            host, port, rest.handle, self.settings.get("service.enable_tls"), "REST"
        )
        if self._rest is not None:
            say("INFO", "qdrant::actix", f"Qdrant HTTP listening on {port}")

    def wait(self) -> None:
        """Serves until it is told to end, and ends as the real one: consensus first."""
        while not self._stopping.wait(0.5):
            pass
        self.replicas.stopping = True
        self.consensus.end()
        if self._rest is not None:
            self._rest.refuse_new()
            self._rest.wait_until_idle(pace.STOP_LEAST, pace.STOP_IDLE, pace.STOP_MOST)
            self._rest.wait_until_answered(pace.STOP_MOST)
        if self._p2p is not None:
            self._p2p.refuse_new()
            self._p2p.wait_until_answered(1.0)
        self.local.close()

    def disk_is_full(self) -> bool:
        """Whether the log of a write would not fit, or is said not to."""
        if self.control.get(DISK_FULL):
            return True
        needed = self.settings.get("storage.wal.wal_capacity_mb") << 20
        return bool(shutil.disk_usage(self.settings.storage).free < needed)

    def _listen(
        self, host: str, port: int, handle: Handle, secure: bool, name: str
    ) -> Server | None:
        """A port that serves; None where it cannot: the process goes on without it."""
        try:
            server = Server(host, port, handle, _server_tls(self.settings) if secure else None)
        except OSError as error:
            reason = (
                f"TLS file could not be opened: {error.filename}"
                if isinstance(error, FileNotFoundError)
                else f"{error.strerror} (os error {error.errno})"
            )
            say("ERROR", "qdrant", f"Error while starting {name} server: {reason}")
            return None
        server.start()
        return server

    def _enter(self, store: RaftStore, arguments: Arguments) -> None:
        """The first start: the first peer of a cluster, or one more."""
        uri = None if arguments.uri is None else _slashed(arguments.uri)
        bootstrap = None if arguments.bootstrap is None else _slashed(arguments.bootstrap)
        if bootstrap is not None and bootstrap != uri:
            self._join(store, uri, bootstrap)
        elif uri is None:
            raise consensus_start("First peer should specify its uri.")
        else:
            store.uri = uri
            store.peers = {store.peer_id: uri}
        store.fresh = False
        store.save()

    def _join(self, store: RaftStore, uri: str | None, bootstrap: str) -> None:
        secure = self.settings.get("cluster.p2p.enable_tls")
        message = {
            "peer": store.peer_id,
            "uri": uri,
            "port": self.settings.get("cluster.p2p.port"),
            "scheme": "https" if secure else "http",
        }
        try:
            answer: Any = self.links.of(bootstrap).call("/raft/join", message, pace.BOOTSTRAP)
        except Unreachable as error:
            raise consensus_start("Failed to create timeout channel", error.text) from error
        except Refusal as refusal:
            raise consensus_start("Failed to add peer to known", refusal.error) from refusal
        store.uri = answer["uri"]
        store.peers = {int(peer): one for peer, one in answer["peers"].items()}

    def _applied(self, op: Op) -> None:
        if self._replaying:
            return
        self.local.reconcile(self.consensus.state)
        if op["kind"] == "remove_peer" and op["peer"] == self.consensus.leader:
            gone = [each for _, each in self.consensus.store.log if each["kind"] == "add_peer"]
            uris = [each["uri"] for each in gone if each["peer"] == op["peer"]]
            write = self.consensus.write_to
            threading.Thread(target=write, args=uris[-1:], daemon=True).start()

    def _tell_version(self) -> None:
        """Every peer tells the others its version once it is one of them."""
        raft = self.consensus
        while raft.working:
            with raft.changed:
                me = raft.state.peers.get(raft.id)
                known = me is not None and me.version == VERSION
                raft.changed.wait(pace.TICK)
            if known:
                return
            if raft.leader and raft.applied:
                try:
                    raft.carry_out({"kind": "metadata", "peer": raft.id, "version": VERSION})
                except Refusal:
                    continue


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailure(
            1,
            f"Error: failed to create directory `{directory}`: "
            f"{error.strerror} (os error {error.errno})",
        ) from error


def _slashed(uri: str) -> str:
    return uri if uri.endswith("/") else uri + "/"


def _server_tls(settings: Settings) -> ssl.SSLContext:
    for name in ("cert", "key"):
        path = settings.get(f"tls.{name}")
        if not Path(path).is_file():
            raise FileNotFoundError(2, "No such file or directory", path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.get("tls.cert"), settings.get("tls.key"))
    return context


def _client_tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.get("cluster.p2p.enable_tls"):
        return None
    try:
        return ssl.create_default_context(cafile=settings.get("tls.ca_cert"))
    except OSError as error:
        raise internal(f"TLS file could not be opened: {error.filename}") from error


def _leave(code: int) -> None:
    """Ends at once: threads that wait for a peer would hold the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
