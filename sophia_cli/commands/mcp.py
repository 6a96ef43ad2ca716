"""`sophia mcp`: the memory for editors' assistants, over the Model Context Protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import typer

from sophia_cli import correlation
from sophia_cli.api.access import Access, Scope
from sophia_cli.api.memories import Memories
from sophia_cli.commands.mcp_editors import ReadOnlyOption, install, uninstall
from sophia_cli.commands.options import AgentOption, KindOption, SessionOption, UserOption
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.errors import InvalidInput
from sophia_cli.help import Command, Group
from sophia_cli.invocation import Invocation
from sophia_cli.memory.model import Kind
from sophia_cli.memory.service import MemoryService
from sophia_cli.memory.validation import checked_name

group = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
group.command(cls=Command)(install)
group.command(cls=Command)(uninstall)


@group.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    kind: KindOption = None,
    read_only: ReadOnlyOption = False,
) -> None:
    """Serve the memory to an editor, over its standard input and output, until it closes them.

    Editors start it by themselves once it is installed. With --user, --agent, --session or --kind
    it stores and finds that part of the memory only.

    \b
    Examples:
      sophia mcp install cursor
      sophia mcp install claude --user ana --read-only
      sophia mcp --user ana --kind coding
    """
    bounds = (user, agent, session, kind)
    if context.invoked_subcommand is not None:
        if read_only or bounds != (None,) * 4:
            raise InvalidInput(
                "what bounds the server goes behind the command",
                f"sophia mcp {context.invoked_subcommand} ... --user NAME",
            )
        return
    invocation = Invocation.of(context)
    if invocation.terminal.json_mode:
        raise InvalidInput("the standard output is the editor's: there is no --json")
    if invocation.environment.stdin.isatty():
        invocation.terminal.note(
            "waiting for an editor's messages; sophia mcp install EDITOR has one send them"
        )
    # It takes most of a second where the resident process has not loaded it yet.
    from sophia_cli.mcp.server import Caller, build
    from sophia_cli.mcp.stdio import serve

    access = access_of(user, agent, session, kind, read_only=read_only)
    with _opened(invocation, access) as memories:
        # A session is one command; each call in it is a request of its own.
        serve(build(lambda _: Caller(access, memories, correlation.new())), invocation.environment)


def access_of(
    user: str | None,
    agent: str | None,
    session: str | None,
    kind: Kind | None,
    *,
    read_only: bool,
) -> Access:
    """What the options let an editor do.

    Raises:
        InvalidInput: a name that is none.
    """
    return Access(
        "mcp",
        frozenset({Scope.READ}) if read_only else frozenset({Scope.READ, Scope.WRITE}),
        checked_name("user", user),
        kind,
        checked_name("agent", agent),
        checked_name("session", session),
        grant="this mcp server",
        remedy="change the options of sophia mcp in the editor's configuration",
    )


@contextlib.contextmanager
def _opened(invocation: Invocation, access: Access) -> Iterator[Callable[[], Memories]]:
    """A function that gives the memory as it is now: a session outlives many a configuration."""
    environment = invocation.environment
    opener = invocation.opener

    def anew() -> Memories:
        assert opener is not None  # noqa: S101
        config = load(environment.variables, invocation.options, environment.cwd).config
        return Memories(lambda: opener(config), config.recall, access, environment.now)

    _ = invocation.config  # A mistake is said before anything is served.
    if opener is not None:
        yield anew
        return
    with invocation.service() as service:
        yield lambda: _lent(service, invocation.config, access)


def _lent(service: MemoryService, config: Config, access: Access) -> Memories:
    return Memories(lambda: contextlib.nullcontext(service), config.recall, access)
