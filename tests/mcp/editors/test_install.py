"""`sophia mcp install` as a user runs it: the right file, shown first, written in one step."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
from pathlib import Path

import pytest

from sophia_cli.errors import Conflict
from sophia_cli.mcp.editors.change import Change
from sophia_cli.mcp.editors.editor import EDITORS, Name, Scope
from tests.conftest import SOPHIA, Sophia
from tests.mcp.conftest import HELLO


@pytest.fixture
def user(sophia: Sophia, tmp_path: Path) -> Path:
    """The home of a user who has installed nothing yet."""
    sophia.variables["HOME"] = str(tmp_path)
    return tmp_path


FILES = {
    (Name.CURSOR, Scope.USER, "linux"): "H/.cursor/mcp.json",
    (Name.CURSOR, Scope.PROJECT, "linux"): "P/.cursor/mcp.json",
    (Name.CLAUDE, Scope.USER, "darwin"): "H/.claude.json",
    (Name.CLAUDE, Scope.PROJECT, "darwin"): "P/.mcp.json",
    (Name.CLAUDE_DESKTOP, Scope.USER, "linux"): "H/.config/Claude/claude_desktop_config.json",
    (
        Name.CLAUDE_DESKTOP,
        Scope.USER,
        "darwin",
    ): "H/Library/Application Support/Claude/claude_desktop_config.json",
    (Name.VSCODE, Scope.USER, "linux"): "H/.config/Code/User/mcp.json",
    (Name.VSCODE, Scope.USER, "darwin"): "H/Library/Application Support/Code/User/mcp.json",
    (Name.VSCODE, Scope.PROJECT, "linux"): "P/.vscode/mcp.json",
}


@pytest.mark.parametrize(("name", "scope", "system"), FILES)
def test_each_editor_has_its_file(name: Name, scope: Scope, system: str) -> None:
    file = EDITORS[name].file(scope, {"HOME": "H"}, Path("P"), system)
    assert file == Path(FILES[name, scope, system])


def test_a_configuration_that_is_elsewhere_is_followed() -> None:
    variables = {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}
    file = EDITORS[Name.VSCODE].file(Scope.USER, variables, Path("/p"), "linux")
    assert file == Path("/c/Code/User/mcp.json")


@pytest.mark.parametrize("editor", list(Name))
def test_an_editor_starts_what_was_installed(shared: Sophia, tmp_path: Path, editor: Name) -> None:
    settings = {"env": {"HOME": str(tmp_path)}, "cwd": tmp_path}
    install = ("mcp", "install", editor.value, "--yes", "--user", "ana")
    done = shared(*install, **settings)
    assert (done.returncode, "next: " in done.stderr) == (0, True), done.stderr
    chosen = EDITORS[editor]
    file = chosen.file(chosen.usual, {"HOME": str(tmp_path)}, tmp_path)
    entry = json.loads(file.read_text())[chosen.servers]["sophia"]
    assert entry.get("type", "stdio") == "stdio"
    assert Path(entry["command"]).is_absolute()
    started = subprocess.run(
        [entry["command"], *entry["args"]],
        env={"PATH": "/usr/bin", **entry["env"]},
        input=json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(started.stdout)["result"]["serverInfo"]["name"] == "sophia"
    assert shared(*install, **settings).stdout == f"{file}: nothing to change\n"
    assert shared("mcp", "uninstall", editor.value, "--yes", **settings).returncode == 0
    assert json.loads(file.read_text()) == {chosen.servers: {}}


def test_it_has_to_do_with_no_memory(sophia: Sophia, user: Path) -> None:
    assert sophia("mcp", "install", "cursor", "--yes").returncode == 0
    assert not sophia.home.exists()


def test_nothing_is_written_unseen(sophia: Sophia, user: Path) -> None:
    file = user / ".cursor" / "mcp.json"
    dry = sophia("mcp", "install", "cursor", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "nothing was changed\n")
    assert '+    "sophia": {' in dry.stdout
    for refused in (
        sophia("mcp", "install", "cursor"),
        sophia("--json", "mcp", "install", "cursor"),
    ):
        assert refused.returncode == 5
    assert not file.parent.exists()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 5), ("", 5)])
def test_it_asks_on_a_terminal(sophia: Sophia, user: Path, answer: str, status: int) -> None:
    ours, theirs = pty.openpty()
    client = sophia.start(
        "mcp", "install", "cursor", stdin=theirs, stdout=theirs, stderr=theirs, text=False
    )
    os.close(theirs)
    shown = b""
    while b"write it? [y/N] " not in shown:
        shown += os.read(ours, 1 << 16)
    assert b'"sophia": {' in shown
    os.write(ours, f"{answer}\n".encode())
    assert client.wait(20) == status
    os.close(ours)
    assert (user / ".cursor" / "mcp.json").exists() == (status == 0)


def test_secrets_of_other_servers_are_not_shown(sophia: Sophia, user: Path) -> None:
    file = user / "mcp.json"
    servers = {"a": {"env": {"KEY": "hush"}}, "b": {}}
    file.write_text(json.dumps({"key": "hush", "mcpServers": servers, "z": "hush"}, indent=2))
    shown = sophia("mcp", "install", "cursor", "--dry-run", "--path", str(file))
    assert shown.returncode == 0, shown.stderr
    assert '"sophia"' in shown.stdout
    assert "hush" not in shown.stdout


def test_links_modes_and_the_file_before_are_kept(sophia: Sophia, user: Path) -> None:
    real = user / "dotfiles" / "cursor.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    real.chmod(0o640)
    link = user / "mcp.json"
    link.symlink_to(real)
    done = sophia.data("mcp", "install", "cursor", "--yes", "--path", "mcp.json", cwd=user)[0]
    assert done["written"]
    assert link.readlink() == real
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    backup = Path(done["backup"])
    assert (backup, backup.read_text()) == (real.with_name("cursor.json.bak"), "{}\n")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert sorted(path.name for path in real.parent.iterdir()) == [
        "cursor.json",
        "cursor.json.bak",
    ]


def test_a_new_file_is_the_users_alone(sophia: Sophia, user: Path) -> None:
    assert sophia("mcp", "install", "cursor", "--yes").returncode == 0
    assert stat.S_IMODE((user / ".cursor" / "mcp.json").stat().st_mode) == 0o600


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text("{}")
    change = Change(file, "{}", '{"a": 1}')
    file.write_text('{"b": 2}')
    with pytest.raises(Conflict):
        change.write(0o600)
    assert file.read_text() == '{"b": 2}'
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_read_is_left_alone(sophia: Sophia, user: Path) -> None:
    file = user / "mcp.json"
    file.write_text('{\n  "mcpServers": {,}\n}')
    ended = sophia("mcp", "install", "cursor", "--yes", "--path", str(file))
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sophia: {file}:2:18: a key in quotes, or }}, is missing\n")
    assert file.read_text() == '{\n  "mcpServers": {,}\n}'


def test_the_way_to_this_memory_is_written_down(sophia: Sophia, user: Path) -> None:
    (user / "sophia.yaml").write_text("{}\n")
    options = ("--config", "sophia.yaml", "--profile", "local")
    done = sophia(*options, "mcp", "install", "cursor", "--yes", "--read-only", cwd=user)
    assert done.returncode == 0, done.stderr
    entry = json.loads((user / ".cursor" / "mcp.json").read_text())["mcpServers"]["sophia"]
    assert entry == {
        "command": str(SOPHIA),
        "args": ["mcp", "--read-only"],
        "env": {
            "SOPHIA_HOME": str(sophia.home),
            "SOPHIA_CONFIG": str(user / "sophia.yaml"),
            "SOPHIA_PROFILE": "local",
        },
    }


def test_an_entry_leads_to_the_memory_that_is_meant_now(sophia: Sophia, user: Path) -> None:
    file = user / "mcp.json"
    install = ("mcp", "install", "cursor", "--yes", "--path", str(file))

    def variables() -> dict[str, str]:
        found: dict[str, str] = json.loads(file.read_text())["mcpServers"]["sophia"]["env"]
        return found

    assert sophia(*install, "--profile", "local").returncode == 0
    assert set(variables()) == {"SOPHIA_HOME", "SOPHIA_PROFILE"}
    file.write_text(file.read_text().replace('"env": {', '"env": {"LANG": "C.UTF-8",'))
    assert sophia(*install, env={"SOPHIA_HOME": str(user / "other")}).returncode == 0
    assert variables() == {"LANG": "C.UTF-8", "SOPHIA_HOME": str(user / "other")}


def test_bounds_before_the_command_are_not_dropped_in_silence(sophia: Sophia, user: Path) -> None:
    ended = sophia("mcp", "--user", "ana", "install", "cursor", "--yes")
    assert ended.returncode == 2
    assert "behind the command" in ended.stderr


def test_an_editor_without_projects_says_so(sophia: Sophia, user: Path) -> None:
    ended = sophia("mcp", "install", "claude-desktop", "--scope", "project")
    assert ended.returncode == 2
    assert "no configuration for a project" in ended.stderr
