"""`sophia vectors`: the peers of the vectors, and leaving one of them out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sophia_cli.errors import ConfigurationError, InvalidInput
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_name
from sophia_cli.terminal import Outcome, Terminal

UrlArgument = Annotated[
    str, typer.Argument(metavar="URL", help="The peer, as vectors.urls names it.")
]

group = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="The Qdrant peers: who is asked, and who is left out.\n\n\b\nExamples:\n"
    "  sophia vectors status\n  sophia vectors drain http://192.0.2.11:6333",
)


@group.command(cls=Command)
def drain(
    context: typer.Context,
    url: UrlArgument,
    even_last: Annotated[
        bool, typer.Option("--even-last", help="Also when no peer is left then.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="Who wants it, if not this user.", metavar="NAME")
    ] = None,
) -> Outcome:
    """Have every process stop asking a peer, until `resume`, also after a restart.

    Returns once this process has no call at the peer any more, and says how many others follow:
    each does so within two seconds.

    \b
    Examples:
      sophia vectors drain http://192.0.2.11:6333
    """
    from sophia_cli.daemon import draining

    invocation = Invocation.of(context)
    peer = _peer(url)
    with invocation.service() as service:
        drained = draining.drain(
            service,
            peer,
            invocation.now,
            even_last=even_last,
            by=checked_name("by", by) or "",
        )
    trace = Trace(served_by="records")
    if drained.busy:
        trace.degrade(f"{', '.join(drained.busy)} still has calls at {drained.url}")
    return Outcome(
        [asdict(drained)],
        lambda terminal: terminal.line(
            f"{drained.url} is drained: no call is left here, {_followers(drained.others)}"
        ),
        trace,
    )


@group.command(cls=Command)
def resume(context: typer.Context, url: UrlArgument) -> Outcome:
    """Take a drained peer back; the other processes do so within two seconds.

    \b
    Examples:
      sophia vectors resume http://192.0.2.11:6333
    """
    from sophia_cli.daemon import draining

    peer = _peer(url)
    with Invocation.of(context).service() as service:
        was = draining.resume(service, peer)
    said = f"{peer} is asked again" if was else f"{peer} was not drained"
    return Outcome(
        [{"url": peer, "was_drained": was}],
        lambda terminal: terminal.line(said),
        Trace(served_by="records"),
    )


@group.command(cls=Command)
def status(context: typer.Context) -> Outcome:
    """Show every peer: whether it is asked, and what this process has on its way through it.

    \b
    Examples:
      sophia vectors status
    """
    from sophia_cli.daemon import draining

    with Invocation.of(context).service() as service:
        states = draining.states(service)

    def show(terminal: Terminal) -> None:
        terminal.table(
            *("peer", "state", "calls", "followed by"),
            rows=[
                [each.url, _state(each), str(each.calls), " ".join(each.followers)]
                for each in states
            ],
        )

    return Outcome([_row(each) for each in states], show, Trace(served_by="records"))


def _peer(url: str) -> str:
    from sophia_cli.tiers.vectors.clients import peer_url

    try:
        return peer_url(url)
    except ConfigurationError as error:
        raise InvalidInput(error.message, error.hint) from None


def _followers(others: tuple[str, ...]) -> str:
    if not others:
        return "no other process uses the vectors"
    return f"{len(others)} other {'process follows' if len(others) == 1 else 'processes follow'}"


def _state(each: Any) -> str:
    if each.drained is not None:
        return f"drained since {each.drained.since:%Y-%m-%d %H:%M} UTC by {each.drained.by}"
    return "failed lately" if each.left_out else "asked"


def _row(each: Any) -> dict[str, Any]:
    drained = each.drained
    return {
        "url": each.url,
        "state": "drained" if drained else "failed" if each.left_out else "asked",
        "calls": each.calls,
        "drained_since": None if drained is None else drained.since.isoformat(),
        "drained_by": None if drained is None else drained.by,
        "followers": list(each.followers),
    }
