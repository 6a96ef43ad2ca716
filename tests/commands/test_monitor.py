"""`sophia monitor`: the files it writes and leaves alone, and the view that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sophia_cli.exit_status import ExitStatus
from tests.commands.console import Console
from tests.commands.stores import opened_console

FILES = {"prometheus.yml", "sophia-alerts.yml", "sophia-dashboard.json", "grafana-dashboard.yaml"}


@pytest.fixture(scope="module")
def opened() -> Iterator[Console]:
    with opened_console() as found:
        found.ok("remember", "something to be watched", "--kind", "coding")
        found.ok("recall", "what is watched?")
        yield found


@pytest.fixture
def console(opened: Console, tmp_path: Path) -> Console:
    """In a directory of its own."""
    return Console(opened.service, opened.home, tmp_path)


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def targets(directory: Path, job: int = 0) -> list[str]:
    config = yaml.safe_load((directory / "prometheus.yml").read_text())
    found: list[str] = config["scrape_configs"][job]["static_configs"][0]["targets"]
    return found


def test_what_was_written_is_shown_and_written_once(console: Console) -> None:
    first = console.ok("monitor", "render", "--target", "192.0.2.10:8420")
    written = contents(console.cwd / "monitoring")
    assert set(written) == FILES
    assert first.out.count("  written\n") == 4 and first.err == ""
    again = console.ok("monitor", "render", "--target", "192.0.2.10:8420")
    assert again.out.count("as it was") == 4
    assert contents(console.cwd / "monitoring") == written


def test_the_configuration_says_what_is_watched(console: Console) -> None:
    console.variables |= {
        "SOPHIA_REST__LISTEN": "192.0.2.10:8421",
        "SOPHIA_VECTORS__ENGINE": "server",
        "SOPHIA_VECTORS__URLS": "http://192.0.2.11:6333,http://192.0.2.12",
    }
    console.ok("monitor", "render", "--out", "x")
    assert targets(console.cwd / "x") == ["192.0.2.10:8421"]
    assert targets(console.cwd / "x", 1) == ["192.0.2.11:6333", "192.0.2.12:6333"]


@pytest.mark.parametrize(
    ("listen", "target", "said"),
    [
        (None, "127.0.0.1:8420", "rest.listen is not set"),
        ("0.0.0.0:8430", "127.0.0.1:8430", "--target says how it is reached"),
    ],
)
def test_what_cannot_be_known_is_said(
    console: Console, listen: str | None, target: str, said: str
) -> None:
    if listen is not None:
        console.variables["SOPHIA_REST__LISTEN"] = listen
    ended = console.ok("monitor", "render")
    assert said in ended.err
    assert targets(console.cwd / "monitoring") == [target]


def test_a_file_that_was_edited_is_left_alone_with_all_others(console: Console) -> None:
    console.ok("monitor", "render", "--target", "192.0.2.10:8420")
    rules = console.cwd / "monitoring" / "sophia-alerts.yml"
    rules.write_text(rules.read_text().replace("> 0.2", "> 0.3"))
    before = contents(console.cwd / "monitoring")
    refused = console("monitor", "render", "--target", "192.0.2.99:8420")
    assert refused.status is ExitStatus.REFUSED
    assert "prometheus.yml, sophia-alerts.yml: differs" in refused.err
    assert contents(console.cwd / "monitoring") == before
    console.ok("monitor", "render", "--target", "192.0.2.99:8420", "--force")
    assert targets(console.cwd / "monitoring") == ["192.0.2.99:8420"]


def test_a_dry_run_shows_the_difference_and_writes_nothing(console: Console) -> None:
    new = console.ok("monitor", "render", "--target", "192.0.2.10:8420", "--dry-run")
    assert "+++ prometheus.yml (rendered)" in new.out
    assert not (console.cwd / "monitoring").exists()
    console.ok("monitor", "render", "--target", "192.0.2.10:8420")
    options = ("--target", "192.0.2.10:8420", "--dry-run", "--slow-recall", "500ms")
    changed = [
        line
        for line in console.ok("monitor", "render", *options).out.splitlines()
        if line.startswith(("+ ", "- "))
    ]
    assert [line.rsplit(" > ", 1)[1] for line in changed] == ["0.2", "0.5"]
    same = console.ok("monitor", "render", "--target", "192.0.2.10:8420", "--dry-run")
    assert same.out == "nothing would change\n"


def test_programs_are_told_each_file(console: Console) -> None:
    found = console.data("monitor", "render", "--target", "192.0.2.10:8420", "--dry-run")
    assert {Path(each["file"]).name for each in found} == FILES
    assert {(each["state"], each["written"]) for each in found} == {("new", False)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "nowhere"), "nowhere: must be a host and a port"),
        (("--target", "a:1\n- b"), "must be a host and a port"),
        (("--qdrant", "http://a:1"), "must be a host and a port"),
        (("--interval", "0s"), "--interval 0s is not a whole number of milliseconds"),
        (("--slow-recall", "1.5ms"), "--slow-recall 1.5ms is not a whole number of milliseconds"),
        (("--for", "soon"), "'soon' is not a duration"),
        (("--out", ""), "not a path"),
    ],
)
def test_what_cannot_be_rendered(console: Console, arguments: tuple[str, ...], said: str) -> None:
    ended = console("monitor", "render", *arguments)
    assert ended.status is ExitStatus.USAGE
    assert said in ended.err
    assert not (console.cwd / "monitoring").exists()


def test_something_else_in_the_way_is_named(console: Console) -> None:
    (console.cwd / "monitoring" / "prometheus.yml").mkdir(parents=True)
    ended = console("monitor", "render", "--target", "192.0.2.10:8420")
    assert ended.status is ExitStatus.USAGE
    assert "prometheus.yml: Is a directory" in ended.err


def looks(console: Console, count: int) -> None:
    """The user leaves after so many."""
    left = count

    def ending() -> bool:
        nonlocal left
        left -= 1
        if left <= 0:
            console.cancelled.set()
        return False

    console.ending = ending


def test_a_view_into_a_pipe_prints_each_look_below_the_last(console: Console) -> None:
    looks(console, 3)
    ended = console("monitor", "watch", "--interval", "100ms")
    assert ended.status is ExitStatus.INTERRUPTED
    assert ended.out.count("until Ctrl-C") >= 2
    assert "\x1b" not in ended.out
    for name in ("recall", "records", "gpu_cache answers", "coding", "outbox"):
        assert f"\n{name} " in ended.out


def test_a_view_in_a_terminal_renews_itself_and_gives_the_cursor_back(console: Console) -> None:
    looks(console, 3)
    ended = console("monitor", "watch", "--interval", "100ms", terminal=True)
    assert ended.out.startswith("\x1b[?25l")
    assert ended.out.rstrip().endswith("\x1b[?25h")


def test_a_view_is_nothing_for_programs(console: Console) -> None:
    ended = console("--json", "monitor", "watch")
    assert ended.status is ExitStatus.USAGE
    assert ended.envelope["error"]["message"].startswith("monitor watch is a view for people")
