"""`sophia init`: a file that is an inventory, and never in the place of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.exit_status import ExitStatus
from sophia_cli.home import Home
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.inventory.reading import read_inventory
from tests.commands.console import Console, Ended

THREE = ("--host", "a=192.0.2.11", "--host", "b=192.0.2.12", "--host", "c=192.0.2.13")


@pytest.fixture
def init(tmp_path: Path) -> Any:
    """Runs `sophia init` in a home of its own; there is no memory that it could ask."""
    service: Any = None
    console = Console(service, Home(tmp_path / "data"), tmp_path, variables={"HOME": str(tmp_path)})

    def run(*arguments: str, **more: Any) -> Ended:
        return console("init", *arguments, **more)

    return run


def usual(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "sophia" / "sophia.yaml"


def read(path: Path) -> Inventory:
    return read_inventory({"HOME": "/home/ann"}, {"config": path}).inventory


def roles(path: Path) -> dict[str, list[str]]:
    return {name: [*map(str, host.roles)] for name, host in read(path).hosts.items()}


def test_it_writes_the_file_that_is_read_for_its_owner_only(init: Any, tmp_path: Path) -> None:
    ended = init(*THREE)
    assert (ended.status, usual(tmp_path).stat().st_mode & 0o777) == (ExitStatus.OK, 0o600)
    assert f"written to {usual(tmp_path)}" in ended.err
    assert "next: sophia hosts trust\n" in ended.err
    assert [path.name for path in usual(tmp_path).parent.iterdir()] == ["sophia.yaml"]
    assert "# " in usual(tmp_path).read_text()


@pytest.mark.parametrize(
    ("count", "placed", "factors"),
    [
        (1, {"h1": "qdrant postgres redis sophia monitoring"}, (1, 1)),
        (2, {"h1": "qdrant postgres sophia", "h2": "qdrant redis monitoring"}, (2, 2)),
        (
            3,
            {"h1": "qdrant postgres monitoring", "h2": "qdrant redis", "h3": "qdrant sophia"},
            (3, 2),
        ),
        (
            5,
            {
                "h1": "qdrant sophia",
                "h2": "qdrant monitoring",
                "h3": "qdrant",
                "h4": "postgres",
                "h5": "redis",
            },
            (3, 2),
        ),
        (
            8,
            {
                "h1": "qdrant",
                "h2": "qdrant",
                "h3": "qdrant",
                "h4": "postgres",
                "h5": "redis",
                "h6": "sophia",
                "h7": "monitoring",
                "h8": "qdrant",
            },
            (3, 2),
        ),
    ],
)
def test_roles_are_placed_by_the_number_of_hosts(
    init: Any, tmp_path: Path, count: int, placed: dict[str, str], factors: tuple[int, int]
) -> None:
    hosts = [f"--host=h{number}=192.0.2.{number}" for number in range(1, count + 1)]
    assert init(*hosts).status is ExitStatus.OK
    assert roles(usual(tmp_path)) == {name: text.split() for name, text in placed.items()}
    qdrant = read(usual(tmp_path)).services.qdrant
    assert (qdrant.replication_factor, qdrant.write_consistency_factor) == factors


def test_options_are_what_the_file_says(init: Any, tmp_path: Path) -> None:
    ended = init(
        *("--host", "db.example.com=db.example.com:postgres, redis"),
        *("--host", "gpu-1=[2001:db8::1]:qdrant,sophia"),
        *("--user", "admin", "--key", "keys/id", "--name", "lab-1", "--output", "sub/x.yaml"),
        *("--bastion", "ann@192.0.2.1:2222"),
    )
    assert ended.status is ExitStatus.OK, ended
    path = tmp_path / "sub" / "x.yaml"
    assert f"next: sophia hosts trust --config {path}" in ended.err
    inventory = read(path)
    assert roles(path) == {
        "db.example.com": ["postgres", "redis"],
        "gpu-1": ["qdrant", "sophia"],
    }
    assert inventory.hosts["gpu-1"].address == "2001:db8::1"
    assert inventory.cluster.name == "lab-1"
    assert (inventory.ssh.user, inventory.ssh.key_file) == ("admin", tmp_path / "keys/id")
    bastion = inventory.ssh.bastion
    assert (bastion.user, bastion.address, bastion.port) == ("ann", "192.0.2.1", 2222)
    assert not usual(tmp_path).exists()


def test_programs_get_what_was_written(init: Any, tmp_path: Path) -> None:
    data = json.loads(init("--json", *THREE).out)["data"]
    assert data[0]["path"] == str(usual(tmp_path))
    assert data[0]["hosts"][1] == {
        "name": "b",
        "address": "192.0.2.12",
        "roles": ["qdrant", "redis"],
    }


def test_a_file_that_is_there_stays_until_force_which_keeps_it(init: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("recall: {limit: 3}\n")
    path.chmod(0o644)
    ended = init(*THREE, "--output", "x.yaml")
    assert ended.status is ExitStatus.REFUSED
    assert "--force" in ended.err and path.read_text() == "recall: {limit: 3}\n"
    assert init(*THREE, "--output", "x.yaml", "--force").status is ExitStatus.OK
    assert len(read(path).hosts) == 3
    assert path.with_name("x.yaml.bak").read_text() == "recall: {limit: 3}\n"
    assert path.with_name("x.yaml.bak").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no --host was given, and there is no terminal to ask on"),
        (("--json",), "no --host was given, and there is no terminal to ask on"),
        (("--host", "a"), "--host 'a' is not NAME=ADDRESS[:ROLE,ROLE]"),
        (("--host", "=192.0.2.1"), "is not NAME=ADDRESS"),
        (("--host", "a=192.0.2.1", "--host", "a=192.0.2.2"), "two hosts are called 'a'"),
        (("--host", "a=192.0.2.1", "--host", "b=192.0.2.2:redis"), "a: has no roles, and other"),
        (("--host", "a=192.0.2.1", "--bastion", "a@b@c"), "is not [USER@]ADDRESS[:PORT]"),
        (("--host", "a=192.0.2.1", "--key", ""), "--key names no file"),
        (("--host", "a=192.0.2.300"), "hosts.a.address: '192.0.2.300' is no IP address"),
        (("--host", "a=192.0.2.1:qdrnt"), "did you mean qdrant?"),
        (("--host", "a=192.0.2.1:sophia"), "sophia needs a host with the role qdrant"),
        (("--host", "a=192.0.2.1", "--user", "Root"), "ssh.user: must be the name of a user"),
        (("--host", "a=192.0.2.1", "--name", "x: {y"), "cluster.name: must be up to 32"),
        (("--host", "a\nb: 1=192.0.2.1"), "a host's name must be"),
    ],
)
def test_what_would_be_no_inventory_is_a_usage_error_and_leaves_nothing(
    init: Any, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = init(*arguments)
    assert ended.status is ExitStatus.USAGE
    text = ended.envelope["error"]["message"] if "--json" in arguments else ended.err
    assert said in text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_a_terminal_the_hint_is_a_command_line(init: Any) -> None:
    assert "sophia init --host gpu-1=192.0.2.11 --host" in init().err


def test_several_mistakes_are_said_at_once(init: Any) -> None:
    err = init("--host", "a=192.0.2.300", "--user", "Root").err
    assert "hosts.a.address" in err and "ssh.user" in err


def test_on_a_terminal_it_asks(init: Any, tmp_path: Path) -> None:
    answers = ["lab", "", "~/.ssh/id", "192.0.2.1", "", "192.0.2.11", "", "192.0.2.12", "db", ""]
    answers += ["qdrant, sophia, redis", "postgres"]
    ended = init(stdin="".join(f"{each}\n" for each in answers).encode(), terminal=True)
    assert ended.status is ExitStatus.OK, ended
    assert "address of host 1: " in ended.err
    assert "roles of db [qdrant, redis, monitoring]: " in ended.err
    inventory = read(usual(tmp_path))
    assert inventory.cluster.name == "lab"
    assert (inventory.ssh.user, inventory.ssh.key_file) == ("ubuntu", Path("/home/ann/.ssh/id"))
    assert inventory.ssh.bastion.address == "192.0.2.1"
    assert roles(usual(tmp_path)) == {"gpu-1": ["qdrant", "sophia", "redis"], "db": ["postgres"]}


def test_answers_that_end_too_early_leave_nothing(init: Any, tmp_path: Path) -> None:
    ended = init(stdin=b"lab\n", terminal=True)
    assert ended.status is ExitStatus.USAGE
    assert "too early" in ended.err
    assert not usual(tmp_path).exists()
