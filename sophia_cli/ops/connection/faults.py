"""What is told of a command that did not come to its end, or not to the right one."""

from __future__ import annotations

from sophia_cli.errors import Interrupted
from sophia_cli.ops.connection.target import Target
from sophia_cli.ops.errors import CommandFailed, HostUnreachable, OutcomeUnknown, SudoRefused

_LONGEST = 100
_LOOK = "it may be done, half done or not at all: look before you run it again"
_NOT_FOUND = 127


def in_words(text: str) -> str:
    """A command for a message: its first line, without what a terminal would act on."""
    lines = text.strip().splitlines() or [""]
    first = "".join(char if char.isprintable() else " " for char in lines[0])
    cut = len(first) > _LONGEST or len(lines) > 1
    return f"{first[:_LONGEST]} ..." if cut else first


def lost(target: Target, words: str, *, alive: bool = False) -> OutcomeUnknown:
    """The connection ended while it ran; `alive`: only the command's part of it did."""
    if alive:
        return OutcomeUnknown(
            f"{target.name}: ended without an exit status, as if killed: {words}", _LOOK
        )
    return OutcomeUnknown(
        f"{target.name}: the connection was lost while this ran: {words}",
        f"{_LOOK}; it may also still run",
    )


def too_long(target: Target, words: str, seconds: float, *, begun: bool) -> OutcomeUnknown:
    """The time was over."""
    if not begun:
        return OutcomeUnknown(
            f"{target.name}: had not begun this after {seconds:g} s: {words}",
            "its login shell or sudo hangs, as where the host cannot resolve its own name",
        )
    return OutcomeUnknown(
        f"{target.name}: did not end within {seconds:g} s and was told to stop: {words}", _LOOK
    )


def too_much(target: Target, words: str) -> OutcomeUnknown:
    """It wrote without an end."""
    return OutcomeUnknown(
        f"{target.name}: wrote more than 64 MiB and was told to stop: {words}", _LOOK
    )


def stopped(target: Target, words: str) -> Interrupted:
    """The user stopped it."""
    return Interrupted(f"{target.name}: was told to stop while this ran: {words}", _LOOK)


def no_session(target: Target, reason: str) -> HostUnreachable:
    """Connected, and it takes no command."""
    return HostUnreachable(
        f"{target.place}: takes no command: {reason.lower()}",
        "see MaxSessions in its sshd_config, and its log",
    )


def wrong_password(target: Target) -> SudoRefused:
    """sudo asked again."""
    return SudoRefused(
        f"{target.name}: sudo does not take the password of {target.user} in "
        f"{target.sudo_password_file}",
        f"correct the file; `sudo -k -v` as {target.user} on the host tries a password",
    )


def not_begun(target: Target, sudo: bool, status: int, said: str) -> SudoRefused | CommandFailed:
    """It ended before the command began: sudo's doing, or the login shell's."""
    reason = said or f"exit status {status}"
    if not sudo or target.user == "root":
        return CommandFailed(
            f"{target.name}: the login shell of {target.user} does not run a command: {reason}",
            f"it must run `sh`: see the shell of {target.user} in /etc/passwd",
        )
    if status == _NOT_FOUND:
        return SudoRefused(
            f"{target.name}: there is no sudo: {reason}",
            "install sudo, or let ssh.user be root",
        )
    if target.sudo_password_file is None and "password" in reason:
        return SudoRefused(
            f"{target.name}: sudo wants a password of {target.user}",
            "name a file that holds it as ssh.sudo_password_file, or allow "
            f"`{target.user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d",
        )
    return SudoRefused(
        f"{target.name}: sudo does not let {target.user} do this: {reason}",
        f"`sudo -l` as {target.user} on the host shows what it allows",
    )


def not_written(target: Target, path: str, stderr: str) -> CommandFailed:
    """A file could not be written; what is there is as before."""
    lines = stderr.strip().splitlines()
    said = lines[-1] if lines else "no reason given"
    directory = path.rpartition("/")[0] or "/"
    where = f"{target.name}: {path} is not written"
    as_before = "what was there is as before"
    if "No space left" in stderr or "Disk quota exceeded" in stderr:
        return CommandFailed(
            f"{where}: no space left in {directory}; {as_before}",
            f"`df -h {directory}` on the host; free some space and run it again",
        )
    if "mktemp:" in stderr and "No such file or directory" in stderr:
        return CommandFailed(
            f"{where}: there is no directory {directory}", "make the directory first"
        )
    reason = said.partition(": ")[2] or said
    return CommandFailed(f"{where}: {reason}; {as_before}", f"look at {directory} on the host")
