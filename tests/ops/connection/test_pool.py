"""Many hosts: one connection each, so many at once, and an end when the user wants one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sophia_cli.correlation import current, request
from sophia_cli.errors import Interrupted, NotFound, Refused, SophiaError
from sophia_cli.ops.connection.everywhere import chosen, run_everywhere
from sophia_cli.ops.connection.pool import HostConnections, on_hosts
from sophia_cli.ops.connection.protocol import Command, Connections
from sophia_cli.ops.connection.redaction import Redactor
from sophia_cli.ops.errors import HostUnreachable, OutcomeUnknown
from sophia_cli.ops.inventory.model import Inventory
from tests.conftest import wait_until
from tests.ops.connection.conftest import inventory_of
from tests.ops.connection.server import SshServer

pytestmark = pytest.mark.timeout(60)
TRUE = Command("true", sudo=False)
NAMES = [f"web-{n}" for n in range(12)]


def test_a_host_has_one_connection_that_stays_open(server: SshServer) -> None:
    with HostConnections(inventory_of(server, "web-1", "web-2")) as connections:
        spoken: Connections = connections
        for _ in range(3):
            for name in ("web-1", "web-2"):
                with spoken.to(name) as connection:
                    assert connection.host == name
                    assert connection.run(TRUE).exit_status == 0
        assert len(server.logins) == 2
    wait_until(lambda: server.opened() == 0)


def test_nothing_is_opened_before_it_is_needed(server: SshServer) -> None:
    with (
        HostConnections(inventory_of(server)) as connections,
        connections.to("web-1") as connection,
    ):
        assert connection.host == "web-1"
    assert server.logins == []


def test_a_host_that_is_not_in_the_inventory(server: SshServer) -> None:
    with HostConnections(inventory_of(server)) as connections:
        with pytest.raises(NotFound, match="no host is called web-9") as caught:
            connections.to("web-9").__enter__()
        assert "web-1" in caught.value.hint


def test_results_come_in_the_order_of_the_names_with_each_one_s_error() -> None:
    def action(name: str) -> int:
        if name == "web-3":
            raise Refused("no")
        return int(name.removeprefix("web-"))

    results = on_hosts(NAMES, action, 3)
    assert list(results) == NAMES
    assert isinstance(results.pop("web-3"), Refused)
    assert list(results.values()) == [n for n in range(12) if n != 3]


def test_no_more_than_so_many_are_worked_on_at_once() -> None:
    all_in, most, inside = threading.Barrier(4), [0], [0]
    lock = threading.Lock()

    def action(_: str) -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        all_in.wait(20)
        with lock:
            inside[0] -= 1

    on_hosts(NAMES, action, 4)
    assert most == [4]


def test_a_mistake_of_ours_is_not_hidden_among_the_results() -> None:
    def action(name: str) -> None:
        if name == "web-1":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_hosts(NAMES, action, 2)


def test_the_request_goes_with_the_work() -> None:
    with request():
        here = current()
        assert set(on_hosts(NAMES, lambda _: current(), 4).values()) == {here}
        assert here


def test_once_it_is_stopped_no_other_host_is_begun() -> None:
    stop = threading.Event()

    def action(name: str) -> str:
        stop.set()
        return name

    results = on_hosts(NAMES, action, 1, stop)
    assert results.pop("web-0") == "web-0"
    assert {type(result) for result in results.values()} == {Interrupted}


def test_ctrl_c_ends_what_runs_and_is_passed_on(server: SshServer, tmp_path: Path) -> None:
    """In a process of its own: a signal goes to the whole of it."""
    import signal
    import subprocess
    import sys

    as_read = {
        "ssh": {
            "port": server.port,
            "key_file": str(server.key_file),
            "known_hosts_file": str(server.known_hosts_file),
        },
        "hosts": {"web-1": {"address": "127.0.0.1", "roles": ["qdrant"]}},
    }
    script = f"""
import sys
from sophia_cli.ops.connection.everywhere import run_everywhere
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.inventory.model import Inventory
inventory = Inventory.model_validate({as_read!r})
def tell(host, line):
    print(line, flush=True)
try:
    run_everywhere(inventory, ["web-1"], Command("echo $$; sleep 300; true", sudo=False), tell)
except KeyboardInterrupt:
    sys.exit(130)
"""
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert running.stdout
    pid = running.stdout.readline().strip()
    assert pid.isdigit()
    assert Path(f"/proc/{pid}").exists()
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def roles(server: SshServer) -> Inventory:
    inventory = inventory_of(server, "db-1", "db-2", "web-1").model_dump()
    inventory["hosts"]["db-1"].update(roles=["postgres", "qdrant"], labels=["rack-1"])
    inventory["hosts"]["db-2"].update(roles=["redis"], labels=["rack-1", "new"])
    return Inventory.model_validate(inventory)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ("db-1", "db-2", "web-1")),
        (["web-1"], ("web-1",)),
        (["qdrant"], ("db-1", "web-1")),
        (["rack-1"], ("db-1", "db-2")),
        (["web-1", "new", "redis"], ("db-2", "web-1")),
    ],
)
def test_hosts_are_chosen_by_name_role_or_label(
    server: SshServer, words: list[str], names: tuple[str, ...]
) -> None:
    assert chosen(roles(server), words) == names


def test_a_word_that_no_host_has_is_an_error(server: SshServer) -> None:
    with pytest.raises(NotFound, match="name, role or label rack-2"):
        chosen(roles(server), ["rack-1", "rack-2"])
    with pytest.raises(NotFound, match="has no hosts"):
        chosen(Inventory(), [])


def test_one_command_runs_everywhere(server: SshServer) -> None:
    inventory, lines = inventory_of(server, *NAMES, parallel=5), []
    results = run_everywhere(
        inventory, NAMES, Command("echo hello", sudo=False), lambda *line: lines.append(line)
    )
    assert [result.host for result in results] == NAMES
    assert all(result.ok and result.reached for result in results)
    assert sorted(lines) == sorted((name, "hello") for name in NAMES)


def test_each_host_has_its_own_outcome(server: SshServer) -> None:
    inventory = inventory_of(server, "bad", "gone", "good", "slow").model_dump()
    inventory["hosts"]["gone"]["port"] = 1
    text = 'test "$(wc -l)" = 0 && echo a secret-word'
    results = run_everywhere(
        Inventory.model_validate(inventory),
        ["gone", "good"],
        Command(text, sudo=False),
        redactor=Redactor(["secret-word"]),
    )
    gone, good = (each.as_json(Redactor(["secret-word"])) for each in results)
    assert isinstance(results[0].error, HostUnreachable)
    assert not results[0].reached
    assert gone["error"]["code"] == "host_unreachable"
    assert (gone["ok"], gone["exit_status"]) == (False, None)
    assert (good["ok"], good["stdout"], good["error"]) == (True, "a ***\n", None)
    (slow,) = run_everywhere(
        Inventory.model_validate(inventory), ["slow"], Command("sleep 9", sudo=False, timeout=0.2)
    )
    assert isinstance(slow.error, OutcomeUnknown)
    assert slow.reached
    assert not slow.ok
    (bad,) = run_everywhere(
        Inventory.model_validate(inventory), ["bad"], Command("exit 9", sudo=False)
    )
    assert isinstance(bad.error, SophiaError | None)
    assert not bad.ok
    assert bad.finished is not None
    assert bad.finished.exit_status == 9
