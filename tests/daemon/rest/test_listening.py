"""TCP as the configuration has it: faults are said and tried again, changes are followed."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Sophia, temporary_home, wait_until
from tests.daemon.rest.served import Served, free_address


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Served]:
    """A home whose configuration file says that REST is on TCP."""
    address, path = free_address(), tmp_path / "sophia.yaml"
    path.write_text(f"rest:\n  listen: {address}\n")
    with temporary_home() as home:
        yield Served(Sophia(home, {"SOPHIA_CONFIG": str(path)}), address)


def part(served: Served) -> dict[str, Any]:
    return next(each for each in served.sophia.data("status") if each["name"] == "REST")


def answers(address: str, scheme: str = "http", **settings: Any) -> bool:
    try:
        return httpx.get(f"{scheme}://{address}/health/live", **settings).status_code == 401
    except httpx.TransportError:
        return False


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    crt, key = directory / "rest.crt", directory / "rest.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(crt)),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    return crt, key


def test_a_port_that_is_taken_ends_nothing_and_is_tried_again(configured: Served) -> None:
    host, _, port = configured.address.rpartition(":")
    with socket.create_server((host, int(port))):
        assert configured.sophia("up").returncode == 0
        wait_until(lambda: "address already in use" in part(configured)["detail"])
        assert part(configured)["state"] == "running"
        with configured.owner() as client:
            assert client.get("/v1/memories").status_code == 200
        assert configured.sophia("remember", "all else works").returncode == 0
    wait_until(lambda: answers(configured.address))
    wait_until(lambda: part(configured)["detail"].endswith(f"http://{configured.address}"))
    assert configured.log().count("not as configured") == 1


def test_a_changed_configuration_is_followed(configured: Served) -> None:
    assert configured.sophia("up").returncode == 0
    wait_until(lambda: answers(configured.address))
    path, other = Path(configured.sophia.variables["SOPHIA_CONFIG"]), free_address()
    path.write_text(f"rest:\n  listen: {other}\n")
    wait_until(lambda: answers(other) and not answers(configured.address))
    # A mistake changes nothing but what is said.
    path.write_text("rest:\n  listne: 127.0.0.1:1\n")
    wait_until(lambda: "listne" in part(configured)["detail"])
    assert answers(other)
    with configured.owner() as client:
        assert client.get("/v1/memories").status_code == 200
    path.write_text("")
    wait_until(lambda: not answers(other))
    wait_until(lambda: part(configured)["detail"] == configured.socket)


def test_tls_as_it_is_configured_and_renewed(configured: Served, tmp_path: Path) -> None:
    crt, key = certificate(tmp_path)
    path = Path(configured.sophia.variables["SOPHIA_CONFIG"])
    path.write_text(
        f"rest:\n  listen: {configured.address}\n"
        f"  tls:\n    certificate_file: {crt}\n    key_file: {key}\n"
    )
    assert configured.sophia("up").returncode == 0
    trusting = ssl.create_default_context(cafile=str(crt))
    wait_until(lambda: answers(configured.address, "https", verify=trusting))
    assert not answers(configured.address)
    assert part(configured)["detail"].endswith(f"https://{configured.address}")
    certificate(tmp_path)
    renewed = ssl.create_default_context(cafile=str(crt))
    wait_until(lambda: answers(configured.address, "https", verify=renewed))


@pytest.mark.parametrize("fault", ["missing", "no certificate", "open key", "another's key"])
def test_a_certificate_that_cannot_be_used(configured: Served, tmp_path: Path, fault: str) -> None:
    crt, key = certificate(tmp_path)
    if fault == "missing":
        key.unlink()
    elif fault == "no certificate":
        crt.write_text("not a certificate\n")
    elif fault == "open key":
        key.chmod(0o644)
    else:
        (tmp_path / "other").mkdir()
        key.write_bytes(certificate(tmp_path / "other")[1].read_bytes())
    Path(configured.sophia.variables["SOPHIA_CONFIG"]).write_text(
        f"rest:\n  listen: {configured.address}\n"
        f"  tls:\n    certificate_file: {crt}\n    key_file: {key}\n"
    )
    assert configured.sophia("up").returncode == 0
    wait_until(lambda: f"; rest.tls: {tmp_path}" in part(configured)["detail"])
    assert "PRIVATE KEY" not in configured.log()
    # And mended without a restart.
    certificate(tmp_path)
    wait_until(lambda: answers(configured.address, "https", verify=False))


def test_a_socket_that_somebody_removed_comes_back(configured: Served) -> None:
    assert configured.sophia("up").returncode == 0
    Path(configured.socket).unlink()
    wait_until(Path(configured.socket).exists)
    wait_until(lambda: part(configured)["state"] == "running")
    wait_until(lambda: answers(configured.address))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_another_user_gets_nothing_even_where_the_modes_would_let_them(
    configured: Served,
) -> None:
    assert configured.sophia("up").returncode == 0
    for directory in list(Path(configured.socket).parents)[:-2]:
        directory.chmod(0o755)
    Path(configured.socket).chmod(0o666)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(configured.socket)
                connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
                os.write(writing, b"heard " + connection.recv(100))
        except ConnectionError:
            os.write(writing, b"heard ")
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as told:
        assert told.read() == b"heard "


def test_neither_a_client_nor_a_foreground_command_loads_the_framework(sophia: Sophia) -> None:
    loaded = sophia("--no-daemon", "remember", "x", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert loaded.returncode == 0
    for name in ("fastapi", "uvicorn", "starlette"):
        assert f"| {name}\n" not in loaded.stderr
