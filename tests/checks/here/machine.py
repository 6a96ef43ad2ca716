"""Faults of this machine, its GPUs, the embedder, the configuration and the resident process."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sophia_cli.checks.registry import all_checks
from sophia_cli.environment import utc_now
from tests.checks.breaking import gpu
from tests.checks.breaking.ports import free_port
from tests.checks.certificates import made, showing
from tests.checks.here.stages import Inside, Outside, may_mount, mounted
from tests.checks.here.table import FAIL, UNKNOWN, WARN, Alarms, fault, of_tiers
from tests.conftest import wait_until


@fault("inside", "Python is too old", {"MA-01": FAIL}, "is too old")
def _(stage: Inside) -> Iterator[None]:
    info = stage.folder / "sophia_cli-99.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: sophia-cli\nVersion: 99\nRequires-Python: >=3.99\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(stage.folder)
        yield


@fault(
    "inside",
    "the disk is full",
    {"MA-02": FAIL, "VE-02": UNKNOWN, "VE-03": FAIL},
    "nothing more can",
)
def _(stage: Inside) -> Iterator[None]:
    status = os.statvfs(stage.store.home.root)
    free = status.f_bavail * status.f_frsize
    if free > 4 << 30:
        pytest.skip("needs the right to mount")
    ballast = stage.store.home.root.parent / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - (20 << 20))
    try:
        yield
    finally:
        ballast.unlink()


@fault("inside", "the home is read-only", {"MA-02": FAIL}, "the file system is read-only")
def _(stage: Inside) -> Iterator[None]:
    root = stage.store.home.root
    if not may_mount():
        pytest.skip("needs the right to mount")
    with mounted(root, "--bind", str(root)):
        again = ["mount", "-o", "remount,bind,ro", str(root)]
        subprocess.run(again, check=True, timeout=20)
        yield


@fault("outside", "little memory is left to the process", {"MA-03": WARN}, "MiB are left")
def _(stage: Outside) -> Iterator[None]:
    pid = stage.sophia.resident()
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size + (450 << 20), before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, before)


@fault("outside", "nearly all files are open", {"MA-04": FAIL}, "files are open")
def _(stage: Outside) -> Iterator[None]:
    """With enough left for those who look."""
    pid = stage.sophia.resident()
    files = Path(f"/proc/{pid}/fd")
    before, used = resource.prlimit(pid, resource.RLIMIT_NOFILE), len(list(files.iterdir()))
    with contextlib.ExitStack() as stack:
        host, _, port = stage.listen.rpartition(":")
        for _ in range(200):
            stack.enter_context(socket.create_connection((host, int(port))))
        wait_until(lambda: len(list(files.iterdir())) >= used + 200)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 240, before[1]))
        stack.callback(resource.prlimit, pid, resource.RLIMIT_NOFILE, before)
        yield
    wait_until(lambda: len(list(files.iterdir())) < used + 20)


@fault("inside", "the clock is five minutes fast", {"MA-05": FAIL}, "the clocks differ by")
def _(stage: Inside) -> Iterator[None]:
    stage.now = lambda: utc_now() + timedelta(minutes=5)
    yield


@fault("inside", "the clock was set back by an hour", {"MA-05": FAIL}, "the clock was set back")
def _(stage: Inside) -> Iterator[None]:
    stage.now = lambda: utc_now() - timedelta(hours=1)
    yield


@fault("inside", "the sockets are open to others", {"MA-06": FAIL}, "others may open it")
def _(stage: Inside) -> Iterator[None]:
    yield from _with_mode(stage.store.valkey.socket, 0o666)


@fault("inside", "the home is open to others", {"MA-07": FAIL}, "others may open it")
def _(stage: Inside) -> Iterator[None]:
    yield from _with_mode(stage.store.home.root, 0o755)


@fault("inside", "a secret in the home is open to others", {"MA-07": FAIL}, "redis-password")
def _(stage: Inside) -> Iterator[None]:
    clusters = stage.store.home.root / "clusters"
    secret = clusters / "lab" / "secrets" / "redis-password"
    for folder in (clusters, clusters / "lab", secret.parent):
        folder.mkdir(mode=0o700)
    secret.touch(0o644)
    try:
        yield
    finally:
        secret.unlink()
        for folder in (secret.parent, clusters / "lab", clusters):
            folder.rmdir()


def _with_mode(path: Path, mode: int) -> Iterator[None]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


# The GPUs.


@fault(
    "inside",
    "the driver does not answer",
    {"GP-01": FAIL, **dict.fromkeys(("GP-02", "GP-03", "GP-04"), UNKNOWN)},
    "driver mismatch",
)
def _(stage: Inside) -> Iterator[None]:
    stage.variables |= gpu.gpu(stage.folder, "echo driver mismatch; exit 18")
    yield


@fault("inside", "a GPU's memory is full", {"GP-02": WARN}, "23,900 of 24,000 MiB are used")
def _(stage: Inside) -> Iterator[None]:
    stage.variables |= gpu.gpu(stage.folder, memory__used="23900")
    yield


@fault("inside", "a GPU is too hot", {"GP-03": WARN}, "it is slowed down to protect itself")
def _(stage: Inside) -> Iterator[None]:
    hot = {"clocks_throttle_reasons__hw_thermal_slowdown": "Active", "temperature__gpu": "96"}
    stage.variables |= gpu.gpu(stage.folder, **hot)
    yield


@fault("inside", "a GPU's memory is damaged", {"GP-04": FAIL}, "errors that could not be")
def _(stage: Inside) -> Iterator[None]:
    stage.variables |= gpu.gpu(stage.folder, ecc__errors__uncorrected__volatile__total="3")
    yield


@fault("inside", "docker has no runtime for GPUs", {"GP-05": FAIL}, "docker cannot give")
def _(stage: Inside) -> Iterator[None]:
    stage.variables |= gpu.gpu(stage.folder)
    gpu.docker(stage.folder, "qdrant/qdrant:v1.19.0-gpu-nvidia")
    yield


@fault("inside", "the GPU that is asked for is not there", {"GP-06": FAIL}, "cuda is not there")
def _(stage: Inside) -> Iterator[None]:
    stage.variables["SOPHIA_GPU_CACHE__DEVICE"] = "cuda"
    yield


# The embedder.

_NO_EMBEDDER: Alarms = {
    "EM-01": FAIL,
    **dict.fromkeys(("EM-02", "EM-03", "EM-04"), UNKNOWN),
}


@fault(
    "over_http",
    "the embedder's endpoint fails",
    _NO_EMBEDDER,
    "answered 500",
)
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.broken = True
    yield
    stage.endpoint.broken = False


@fault(
    "over_http",
    "the embedder's vectors have another length",
    _NO_EMBEDDER,
    "gives vectors of 128 numbers",
)
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.dimension = 128
    yield
    stage.endpoint.dimension = 384


@fault("over_http", "the embedder is about to be too slow", {"EM-04": WARN}, "of embedding.timeout")
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.pause = 0.65
    yield
    stage.endpoint.pause = 0.0


@fault("over_http", "the embedder gives all texts one vector", {"EM-03": FAIL}, "two texts have")
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.constant = True
    yield
    stage.endpoint.constant = False


@fault("over_http", "the embedder gives a text two vectors", {"EM-03": FAIL}, "the same text has")
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.moody = True
    yield
    stage.endpoint.moody = False


@fault("over_http", "the embedder gives vectors of length 0", _NO_EMBEDDER, "a vector is zero")
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.zero = True
    yield
    stage.endpoint.zero = False


@fault(
    "over_http",
    "the embedder's endpoint is gone",
    _NO_EMBEDDER,
    "refused",
)
def _(stage: Inside) -> Iterator[None]:
    assert stage.endpoint
    stage.endpoint.close()
    yield
    stage.endpoint.reopen()


# The configuration.

_WITHOUT_IT = {f"MA-{number:02}" for number in range(1, 9)} - {"MA-05"}
_WITHOUT_IT |= {"RE-01", "RE-02", "RE-04", "GP-01", "GP-02", "GP-03", "GP-04", "GP-05", "TI-10"}
"""The checks that look without a configuration too."""
_UNREAD: Alarms = {
    check.number: UNKNOWN for check in all_checks() if check.number not in _WITHOUT_IT
}


@fault("outside", "the configuration is wrong", _UNREAD | {"CO-01": FAIL}, "it has 1 mistake")
def _(stage: Outside) -> Iterator[None]:
    stage.file.write_text(f"{stage.file.read_text()}recal: {{limit: 5}}\n")
    yield
    stage.heal()


@fault("outside", "the configuration contradicts itself", {"CO-02": WARN}, "nothing reads it")
def _(stage: Outside) -> Iterator[None]:
    stage.file.write_text(f"{stage.file.read_text()}hot_cache: {{password_file: rest.key}}\n")
    yield
    stage.heal()


@fault("outside", "others may change the configuration", {"CO-03": FAIL}, "others may change")
def _(stage: Outside) -> Iterator[None]:
    yield from _with_mode(stage.file, 0o666)


@fault("outside", "a secret file is open to others", {"CO-03": FAIL}, "rest.tls.key_file others")
def _(stage: Outside) -> Iterator[None]:
    yield from _with_mode(stage.folder / "rest.key", 0o644)


@fault("outside", "a secret file is missing", {"CO-03": FAIL, "CO-04": FAIL}, "cannot be looked at")
def _(stage: Outside) -> Iterator[None]:
    path = stage.folder / "rest.key"
    path.rename(stage.folder / "away")
    yield
    (stage.folder / "away").rename(path)


@fault("outside", "the certificate has ended", {"CO-04": FAIL}, "ended 3 days ago")
def _(stage: Outside) -> Iterator[None]:
    made(stage.folder, -3)
    yield
    made(stage.folder, 90)


@fault("outside", "the certificate is about to end", {"CO-04": WARN}, "in 5 days")
def _(stage: Outside) -> Iterator[None]:
    made(stage.folder, 5)
    yield
    made(stage.folder, 90)


@fault("inside", "an address is one of an example", {"CO-06": FAIL}, "is an address for examples")
def _(stage: Inside) -> Iterator[None]:
    """Nobody asks there while all is looked at."""
    stage.variables["SOPHIA_TRACING__ENDPOINT"] = "http://192.0.2.10:4318"
    yield


@fault("inside", "a server's certificate has ended", {"CO-05": FAIL}, "ended 3 days ago")
def _(stage: Inside) -> Iterator[None]:
    with showing(*made(stage.folder, -3)) as port:
        stage.variables["SOPHIA_TRACING__ENDPOINT"] = f"https://127.0.0.1:{port}"
        yield


# The resident process.


@fault(
    "outside",
    "the resident process is frozen",
    {"RE-01": FAIL, "VE-02": UNKNOWN} | of_tiers(*range(1, 10)),
    "it holds its socket and says nothing",
)
def _(stage: Outside) -> Iterator[None]:
    pid = stage.sophia.resident()
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@fault(
    "outside",
    "the resident process is killed",
    {"RE-01": FAIL, "RE-05": FAIL},
    "none runs, though REST is to listen",
)
def _(stage: Outside) -> Iterator[None]:
    os.kill(stage.sophia.resident(), signal.SIGKILL)
    yield
    assert stage.sophia("up").returncode == 0


@fault(
    "outside",
    "the resident process is of another version",
    {"RE-02": WARN, "VE-02": UNKNOWN} | of_tiers(*range(1, 10)),
    "it is version 0.0.1",
)
def _(stage: Outside) -> Iterator[None]:
    note = stage.home.locks / "resident.lock"
    before = note.read_text()
    note.write_text(json.dumps(json.loads(before) | {"version": "0.0.1"}))
    yield
    note.write_text(before)


@fault("outside", "errors are in its log", {"RE-04": WARN}, "2 errors in the last 10 minutes")
def _(stage: Outside) -> Iterator[None]:
    path = stage.home.log("resident")
    size = path.stat().st_size
    line = {"timestamp": utc_now().isoformat(), "level": "error", "event": "engine failed"}
    with path.open("a") as log:
        log.write(f"{json.dumps(line)}\n" * 2)
    yield
    os.truncate(path, size)


@fault("outside", "REST is to listen elsewhere", {"RE-05": FAIL}, "it does not answer")
def _(stage: Outside) -> Iterator[None]:
    stage.variables["SOPHIA_REST__LISTEN"] = f"127.0.0.1:{free_port()}"
    yield
