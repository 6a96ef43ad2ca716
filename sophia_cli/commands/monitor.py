"""`sophia monitor`: what Prometheus and Grafana need, and the same as a live view."""

from __future__ import annotations

import time
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer

from sophia_cli.commands.options import path_of
from sophia_cli.commands.watching import looking, pause_of
from sophia_cli.config.durations import format_duration, parse_duration
from sophia_cli.config.model import Config
from sophia_cli.config.urls import check_address
from sophia_cli.errors import InvalidInput
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.memory.service import MemoryService
from sophia_cli.monitoring.files import Planned, planned, write
from sophia_cli.monitoring.rendering import Wanted, rendered
from sophia_cli.monitoring.thresholds import Thresholds
from sophia_cli.terminal import Outcome, Terminal

_USUAL_TARGET, _USUAL_PORT = "127.0.0.1:8420", 6333
_ANY = ("0.0.0.0", "[::]")  # noqa: S104  (compared, not bound)
_STATES = {"new": "written", "differs": "overwritten", "same": "as it was"}

group = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="Watch the memory: Prometheus, Grafana, or this terminal.\n\n\b\nExamples:\n"
    "  sophia monitor watch\n  sophia monitor render",
)


@group.command(cls=Command)
def render(
    context: typer.Context,
    out: Annotated[
        str, typer.Option(help="The directory to write into.", metavar="DIR")
    ] = "monitoring",
    target: Annotated[
        list[str] | None,
        typer.Option(help="A resident process; may be repeated. rest.listen unless given."),
    ] = None,
    qdrant: Annotated[
        list[str] | None,
        typer.Option(help="A Qdrant peer; may be repeated. vectors.urls unless given."),
    ] = None,
    token_file: Annotated[
        str | None, typer.Option(help="Where Prometheus finds its token.", metavar="FILE")
    ] = None,
    qdrant_key_file: Annotated[
        str | None, typer.Option(help="Where it finds Qdrant's key, if any.", metavar="FILE")
    ] = None,
    interval: Annotated[str, typer.Option(help="Between two scrapes.", metavar="DURATION")] = "15s",
    hold: Annotated[
        str, typer.Option("--for", help="How long before an alert fires.", metavar="DURATION")
    ] = "2m",
    slow_recall: Annotated[
        str, typer.Option(help="Slower recalls are an alert.", metavar="DURATION")
    ] = "200ms",
    namespace: Annotated[
        str | None, typer.Option(help="Of the Kubernetes ConfigMap.", metavar="NAME")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what differs.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, write nothing.")
    ] = False,
) -> Outcome:
    """Write the files for Prometheus, Grafana and Kubernetes.

    Scrape configuration, alert rules, dashboard, and a ConfigMap that holds the dashboard. A file
    that is there and differs is left alone without --force: it may have been edited.

    \b
    Examples:
      sophia monitor render
      sophia monitor render --target 192.0.2.10:8420 --target 192.0.2.11:8420 --out /tmp/sophia
      sophia monitor render --qdrant 192.0.2.11:6333 --for 5m --slow-recall 500ms --dry-run
    """
    invocation = Invocation.of(context)
    config, usual = invocation.config, Wanted(())
    peers = [*map(_address, qdrant)] if qdrant else _peers(config)
    wanted = Wanted(
        targets=[*map(_address, target)] if target else [_listening(invocation)],
        qdrant=peers,
        tls=config.rest.tls.certificate_file is not None,
        qdrant_tls=not qdrant and any(url.startswith("https:") for url in config.vectors.urls),
        token_file=token_file or usual.token_file,
        qdrant_key_file=qdrant_key_file,
        interval=_seconds("--interval", interval),
        namespace=namespace,
        thresholds=Thresholds(
            hold=_seconds("--for", hold), recall_p99=_seconds("--slow-recall", slow_recall)
        ),
    )
    files = planned(path_of(invocation, out), rendered(wanted))
    if not dry_run:
        write(files, force=force)
    return Outcome([_shown(each, dry_run) for each in files], lambda to: _say(to, files, dry_run))


@group.command(cls=Command)
def watch(
    context: typer.Context,
    interval: Annotated[
        str | None, typer.Option(help="How often it looks; 2s unless given.", metavar="DURATION")
    ] = None,
) -> NoReturn:
    """Show the dashboard in this terminal until Ctrl-C, with the alerts that would fire now.

    Latencies are those of the process that runs the command, over the last five minutes; rates are
    those since the view began. Into a pipe, each look is printed below the last.

    \b
    Examples:
      sophia monitor watch
      sophia monitor watch --interval 10s
    """
    from sophia_cli.monitoring.collector import samples
    from sophia_cli.monitoring.exposition import figures_of
    from sophia_cli.monitoring.history import History
    from sophia_cli.monitoring.view import page
    from sophia_cli.monitoring.warnings import firing

    invocation, pause, history = Invocation.of(context), pause_of(interval), History()
    if invocation.terminal.json_mode:
        raise InvalidInput(
            "monitor watch is a view for people: with --json one object is printed",
            "`sophia stats --json` prints the figures; GET /metrics is for programs",
        )
    title = f"every {format_duration(pause)}, until Ctrl-C"

    def look(service: MemoryService) -> Any:
        history.add(time.monotonic(), samples(service, figures_of(service)))
        recall = service.meters.latencies().get("recall", {}).get("last_5_minutes", {})
        p99 = recall.get("p99_ms")
        warned = firing(history, None if p99 is None else p99 / 1000, Thresholds())
        moment = f"{invocation.now:%H:%M:%S} UTC, {title}"
        return page(moment, history, service.meters, list(warned))

    with looking(invocation, look) as now, invocation.terminal.live() as show:
        while True:
            show(now())
            invocation.environment.wait(pause.total_seconds())


def _say(terminal: Terminal, files: list[Planned], dry_run: bool) -> None:
    if dry_run:
        for each in files:
            terminal.environment.stdout.write(each.diff())
        if not any(each.state != "same" for each in files):
            terminal.line("nothing would change")
        return
    terminal.table(
        *("file", "bytes", ""),
        rows=[[str(each.path), f"{len(each.text):,}", _STATES[each.state]] for each in files],
    )


def _shown(each: Planned, dry_run: bool) -> dict[str, Any]:
    return {
        "file": str(each.path),
        "bytes": len(each.text.encode()),
        "state": each.state,
        "written": each.state != "same" and not dry_run,
    }


def _listening(invocation: Invocation) -> str:
    listen = invocation.config.rest.listen
    if listen is None:
        invocation.terminal.note(
            f"rest.listen is not set, so nothing can be scraped yet; {_USUAL_TARGET} is written"
        )
        return _USUAL_TARGET
    host, _, port = listen.rpartition(":")
    if host in _ANY:
        invocation.terminal.note(f"rest.listen is {listen}: --target says how it is reached")
        return f"127.0.0.1:{port}"
    return listen


def _peers(config: Config) -> list[str]:
    if config.vector_engine != "server":
        return []
    peers = (urlsplit(url) for url in config.vectors.urls)
    return [f"{_host(each.hostname or '')}:{each.port or _USUAL_PORT}" for each in peers]


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _address(given: str) -> str:
    try:
        return check_address(given)
    except ValueError as error:
        raise InvalidInput(f"{given}: {error}") from None


def _seconds(option: str, given: str) -> float:
    duration = parse_duration(given)
    if duration.microseconds % 1000 or not (duration or option == "--for"):
        raise InvalidInput(f"{option} {given} is not a whole number of milliseconds above 0")
    return duration.total_seconds()
