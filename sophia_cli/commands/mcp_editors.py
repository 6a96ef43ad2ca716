"""`sophia mcp install` and `uninstall`: our entry in the configuration of an editor."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Annotated

import typer

from sophia_cli.commands.options import (
    AgentOption,
    KindOption,
    SessionOption,
    UserOption,
    path_of,
)
from sophia_cli.errors import NotFound, Refused
from sophia_cli.invocation import Invocation
from sophia_cli.mcp.editors.change import Change, installed, uninstalled
from sophia_cli.mcp.editors.editor import EDITORS, Editor, Name, Scope
from sophia_cli.memory.model import Kind
from sophia_cli.memory.validation import checked_name
from sophia_cli.terminal import Outcome, Terminal

# An entry of a project is for all who work on it; a user's file may hold keys of other servers.
_MODES = {Scope.USER: 0o600, Scope.PROJECT: 0o644}

EditorArgument = Annotated[Name, typer.Argument(help="Which editor.")]
ScopeOption = Annotated[
    Scope | None,
    typer.Option(help="For you, or for the project in this folder; vscode: project, else user."),
]
PathOption = Annotated[
    str | None, typer.Option(help="The editor's configuration, if elsewhere.", metavar="FILE")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be changed.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="Store and forget nothing.")]


def install(
    context: typer.Context,
    editor: EditorArgument,
    scope: ScopeOption = None,
    path: PathOption = None,
    user: UserOption = None,
    agent: AgentOption = None,
    session: SessionOption = None,
    kind: KindOption = None,
    read_only: ReadOnlyOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> Outcome:
    """Let an editor start the server: shows the change of its configuration, and asks.

    All else in the file stays as it is, comments too; what it held before is kept beside it as
    .bak. With --user, --agent, --session, --kind or --read-only the editor gets no more than that.

    \b
    Examples:
      sophia mcp install cursor
      sophia mcp install claude --user ana --read-only
      sophia mcp install vscode --scope user --dry-run
    """
    invocation, chosen = Invocation.of(context), EDITORS[editor]
    arguments = ["mcp", *_bounds(user, agent, session, kind, read_only=read_only)]
    entry = chosen.entry(_program(invocation), arguments, _variables(invocation))
    file = _file(invocation, chosen, scope, path)
    change = installed(chosen, file, entry)
    mode = _MODES[scope or chosen.usual]
    return _carried_out(invocation, chosen, change, mode, chosen.then, dry_run=dry_run, yes=yes)


def uninstall(
    context: typer.Context,
    editor: EditorArgument,
    scope: ScopeOption = None,
    path: PathOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> Outcome:
    """Take the server out of an editor's configuration; all else in it stays.

    \b
    Examples:
      sophia mcp uninstall cursor
    """
    invocation, chosen = Invocation.of(context), EDITORS[editor]
    change = uninstalled(chosen, _file(invocation, chosen, scope, path))
    return _carried_out(invocation, chosen, change, 0, "", dry_run=dry_run, yes=yes)


def _bounds(
    user: str | None,
    agent: str | None,
    session: str | None,
    kind: Kind | None,
    *,
    read_only: bool,
) -> list[str]:
    """The options of the server that the editor starts."""
    names = {"user": user, "agent": agent, "session": session}
    checked = {f"--{name}": checked_name(name, value) for name, value in names.items()}
    given = checked | {"--kind": kind.value if kind else None}
    words = [f"{option}={value}" for option, value in given.items() if value is not None]
    return [*words, *(["--read-only"] if read_only else [])]


def _program(invocation: Invocation) -> Path:
    """Where this `sophia` is: an editor's PATH is not the shell's.

    Raises:
        NotFound: there is no such script.
    """
    beside = (Path(sys.executable), Path(sysconfig.get_path("scripts"), "python"))
    for place in beside:
        script = place.with_name("sophia")
        if script.is_file():
            return script
    found = shutil.which("sophia", path=invocation.environment.variables.get("PATH"))
    if found is None:
        raise NotFound("there is no script `sophia` that an editor could start", "install it")
    return Path(found).absolute()


def _variables(invocation: Invocation) -> dict[str, str]:
    """What leads to this memory, where an editor without the shell's variables would miss it."""
    given, options = invocation.environment.variables, invocation.options
    found = {}
    if given.get("SOPHIA_HOME") or given.get("XDG_DATA_HOME"):
        found["SOPHIA_HOME"] = str(invocation.home.root)
    if config := options.get("config") or given.get("SOPHIA_CONFIG"):
        found["SOPHIA_CONFIG"] = str(invocation.path(config))
    if profile := options.get("profile") or given.get("SOPHIA_PROFILE"):
        found["SOPHIA_PROFILE"] = str(profile)
    return found


def _file(invocation: Invocation, editor: Editor, scope: Scope | None, path: str | None) -> Path:
    if path is not None:
        return path_of(invocation, path)
    environment = invocation.environment
    return editor.file(scope or editor.usual, environment.variables, environment.cwd)


def _carried_out(
    invocation: Invocation,
    editor: Editor,
    change: Change,
    mode: int,
    then: str,
    *,
    dry_run: bool,
    yes: bool,
) -> Outcome:
    diff = change.diff()
    terminal = invocation.terminal
    backup = None
    if change.needed and not terminal.json_mode:
        terminal.line(str(change.path))
        for line in diff:
            terminal.line(f"  {line}")
    if change.needed and not dry_run:
        if not yes:
            _confirm(invocation, change)
        backup = change.write(mode)

    def text(terminal: Terminal) -> None:
        if not change.needed:
            terminal.line(f"{change.path}: nothing to change")
        elif dry_run:
            terminal.note("nothing was changed")
        else:
            kept = f"; what it held is in {backup}" if backup else ""
            terminal.note(f"written{kept}")
            if then:
                terminal.note(f"next: {then}")

    row = {
        "editor": editor.name,
        "path": str(change.path),
        "needed": change.needed,
        "written": change.needed and not dry_run,
        "diff": diff,
        "backup": str(backup) if backup else None,
    }
    return Outcome([row], text)


def _confirm(invocation: Invocation, change: Change) -> None:
    """Asks on a terminal; without one, --yes must have been given."""
    environment = invocation.environment
    if invocation.terminal.json_mode or not environment.stdin.isatty():
        raise Refused(
            f"would change {change.path}, and cannot ask", "look with --dry-run, then give --yes"
        )
    environment.stdout.flush()
    environment.stderr.write("write it? [y/N] ")
    environment.stderr.flush()
    if environment.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")
