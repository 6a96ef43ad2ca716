"""Peers that the configuration's URLs name: small servers that answer as one was recorded to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sophia_cli.checks.check import Verdict
from sophia_cli.checks.qdrant import CHECKS
from sophia_cli.checks.qdrant.doors import CHECKS as DOORS
from sophia_cli.checks.qdrant.doors import reaches
from sophia_cli.checks.qdrant.hearing import connects
from sophia_cli.checks.qdrant.sources import IN_PROCESS, give, hearing
from sophia_cli.ops.connection.pool import HostConnections
from sophia_cli.ops.qdrant.asks import Answer, Peer
from sophia_cli.ops.site import Site
from tests.checks.cluster_scene import alarms, findings_of, scene_of, verdicts_of
from tests.checks.qdrant.recorded import LISTED, DoctorsRecorded, answer_of, heard
from tests.checks.qdrant.situations import SINGLE_ASKED
from tests.ops.connection.conftest import inventory_of
from tests.ops.connection.server import serving
from tests.ops.qdrant.recorded import FIXTURES, PEERS
from tests.ops.qdrant.site import KnownSecrets

pytestmark = pytest.mark.timeout(60)
KEY = "the admin key"


@dataclass
class Server:
    """One server that is no cluster.

    Attributes:
        key: that it wants; None lets everybody in.
        instead: what it answers otherwise, by path.
        silent: paths that it never answers.
        keys: those that it was shown.
    """

    key: str | None = KEY
    instead: dict[str, Answer] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    keys: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, path: str, key: str | None) -> Answer:
        self.keys.append(key)
        open_ = path in ("/", "/healthz", "/livez", "/readyz")
        if self.key is not None and not open_ and key != self.key:
            return answer_of("auth", "none-collections" if key is None else "wrong-collections")
        if path in self.instead:
            return self.instead[path]
        if path == "/collections":
            return Answer(200, {"result": {"collections": [{"name": "coding"}]}})
        for name in SINGLE_ASKED:
            asked = json.loads((FIXTURES / "single" / f"{name}.json").read_text())["request"]
            if urlsplit(asked["path"]).path == path:
                return answer_of("single", name)
        return Answer(404, "")


@contextlib.contextmanager
def served(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path in server.silent:
                server.released.wait(30)
                self.close_connection = True
                return
            said = server.answer(path, self.headers.get("api-key"))
            text = said.body if isinstance(said.body, str) else json.dumps(said.body)
            self.send_response(said.status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()


def configured(folder: Path, *urls: str, key: str | None = KEY) -> str:
    vectors: dict[str, object] = {"engine": "server", "urls": list(urls)}
    if key is not None:
        file = folder / "key"
        file.touch(mode=0o600)
        file.write_text(key)
        vectors["api_key_file"] = str(file)
    return json.dumps({"vectors": vectors})


def raised(folder: Path, text: str) -> dict[str, str]:
    with scene_of(folder, text) as scene:
        found = alarms(scene, CHECKS)
    found.pop("QD-35", None)  # the recorded snapshot is as old as the recordings
    return found


def test_one_server_that_is_well(tmp_path: Path) -> None:
    with served(Server()) as server:
        assert raised(tmp_path, configured(tmp_path, server.url)) == {}
        assert KEY in server.keys


def test_a_server_without_a_key_on_this_machine_alone(tmp_path: Path) -> None:
    with (
        served(Server(key=None)) as server,
        scene_of(tmp_path, configured(tmp_path, server.url, key=None)) as scene,
    ):
        found = verdicts_of(scene, DOORS)
        assert set(found.values()) == {Verdict.SKIPPED}
        assert set(server.keys) == {None}


def test_a_server_that_wants_no_key_though_we_have_one(tmp_path: Path) -> None:
    with served(Server(key=None)) as server:
        expected = {"QD-31": "fail", "QD-32": "fail"}
        assert raised(tmp_path, configured(tmp_path, server.url)) == expected
        server.key = KEY
        assert raised(tmp_path, configured(tmp_path, server.url)) == {}


def test_our_key_is_not_its_key(tmp_path: Path) -> None:
    with served(Server()) as server:
        text = configured(tmp_path, server.url, key="yesterday's")
        found = raised(tmp_path, text)
        assert found.pop("QD-01") == "fail"
        assert set(found.values()) == {"unknown"}
        with scene_of(tmp_path, text) as scene:
            (finding,) = findings_of(scene, CHECKS[0])
            assert "it refuses our key (HTTP 401: Invalid API key or JWT)" in finding.says
            assert KEY not in str(finding)
            assert "yesterday" not in str(finding)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    found = raised(tmp_path, configured(tmp_path, url))
    assert found.pop("QD-01") == "fail"
    assert set(found.values()) == {"unknown"}


def test_what_answers_is_no_qdrant(tmp_path: Path) -> None:
    with served(Server(instead={"/cluster": Answer(200, "<html>hello</html>")})) as server:
        found = raised(tmp_path, configured(tmp_path, server.url))
        assert found.pop("QD-01") == "fail"
        assert set(found.values()) == {"unknown"}


def test_a_server_that_never_answers_one_question(tmp_path: Path) -> None:
    with served(Server(silent={"/metrics"})) as server:
        assert raised(tmp_path, configured(tmp_path, server.url)) == {
            "QD-28": "unknown",
            "QD-29": "unknown",
        }


def test_two_servers_that_are_no_cluster_are_not_one_memory(tmp_path: Path) -> None:
    with served(Server()) as one, served(Server()) as other:
        found = raised(tmp_path, configured(tmp_path, one.url, other.url))
        assert found["QD-02"] == "fail"
        assert "fail" not in {found[number] for number in found if number != "QD-02"}


def test_vectors_in_this_process_are_not_looked_at_here(tmp_path: Path) -> None:
    with scene_of(tmp_path) as scene:
        assert hearing(scene) == IN_PROCESS
        assert set(verdicts_of(scene, CHECKS).values()) == {Verdict.SKIPPED}


def test_an_address_between_peers_that_nobody_else_reaches(tmp_path: Path) -> None:
    """Without an inventory, an address of docker's own bridge is the one that must be wrong."""
    peers = DoctorsRecorded(())
    for peer in PEERS:
        said = peers.ask(peer, "GET", "/cluster")
        assert isinstance(said, Answer)
        listed = said.body["result"]["peers"]
        listed[str(peers.ids["node3"])] = {"uri": "http://172.17.0.3:6335/"}
        peers.instead[peer.host, "/cluster"] = said
    told = tuple(
        Peer(p.host, p.url, "http://172.17.0.3:6335" if p.host == "node3" else p.uri) for p in PEERS
    )
    with scene_of(tmp_path) as scene:
        give(scene, heard(peers, told, replace(LISTED, listed=False)))
        (check,) = [check for check in CHECKS if check.number == "QD-15"]
        findings = findings_of(scene, check)
        assert [each.subject for each in findings if each.verdict is Verdict.FAIL] == ["node3"]


def test_a_host_that_is_no_peer_tries_the_peers_port(tmp_path: Path) -> None:
    """Its connections are real: an open port is told from a shut one, and from no way at all."""
    with serving(tmp_path / "outsider") as server:
        inventory = inventory_of(server, "node4")
        with HostConnections(inventory) as connections:
            site = Site(inventory, connections, KnownSecrets())
            with socket.create_server(("127.0.0.1", 0)) as rest:
                url = f"http://127.0.0.1:{rest.getsockname()[1]}"
                with socket.create_server(("127.0.0.1", 0)) as between:
                    uri = f"http://127.0.0.1:{between.getsockname()[1]}"
                    peer = Peer("node1", url, uri)
                    assert reaches(site, "node4", peer) is True
                assert reaches(site, "node4", peer) is False
            assert reaches(site, "node4", peer) is None


def test_this_machine_tries_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert connects("127.0.0.1", port) == "127.0.0.1"
    assert connects("127.0.0.1", port) is None
