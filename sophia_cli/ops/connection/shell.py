"""What a host's shell is told: pure text, built by quoting. No secret is ever in it.

A command is run by a `sh` that first says on both streams that it has begun, and in which process
group. What comes before that is not the command's: the login shell's own words, or sudo's. So a
command that sudo refused is told from one that failed, and one that must stop can be found.
"""

from __future__ import annotations

import re
import shlex

from sophia_cli.ops.connection.protocol import RemoteFile

BEGUN = re.compile(rb"\x1esophia ([0-9]+)\n")
"""What the shell says once the command begins; the number is its process group."""

# In a subshell: a mistake in the text ends that one alone, and the status comes from here even
# when a signal ended the command.
_BEGIN = (
    "LC_ALL=C;export LC_ALL;read -r a b c d g e </proc/$$/stat;"
    "printf '\\036sophia %s\\n' \"$g\";printf '\\036sophia %s\\n' \"$g\">&2;"
    't=$1;shift;(eval "$t");exit $?'
)


def exec_line(text: str, sudo: str = "") -> str:
    """The line that the login shell is given.

    Args:
        text: for `sh`.
        sudo: what of `sudo_line` comes before it; empty to run it as the user.
    """
    return f"exec {sudo}sh -c {shlex.quote(_BEGIN)} sh {shlex.quote(text)}"


def sudo_line(prompt: str = "") -> str:
    """How sudo is called.

    Without a prompt it must ask for nothing. With one it writes the prompt where it wants the
    password, each time; `-k` makes it forget that it was told before.
    """
    if not prompt:
        return "sudo -n -- "
    return f"sudo -k -S -p {shlex.quote(prompt)} -- "


def end_line(group: int) -> str:
    """Ends what is left of a process group: first so that it can tidy up, then for good.

    dash takes a signal's name behind -s alone, where a group's number follows.
    """
    return (
        f"kill -s TERM -- -{group} 2>/dev/null || exit 0;"
        f"for i in 1 2 3 4 5 6 7 8 9 10;do kill -s 0 -- -{group} 2>/dev/null || exit 0;"
        f"sleep 0.2;done;kill -s KILL -- -{group}"
    )


def put_line(file: RemoteFile) -> str:
    """Writes a file from stdin: into a new one beside it, which then takes its place.

    The new one has its owner and mode before it has content. A stream that was cut off is shorter
    than the file: nothing takes its place then.
    """
    path = shlex.quote(file.path)
    owner = shlex.quote(f"{file.owner}:{file.group}")
    directory = shlex.quote(file.path.rpartition("/")[0] or "/")
    return "\n".join(
        [
            "set -e",
            "umask 077",
            "trap 'exit 143' TERM HUP INT PIPE",
            f"t=$(mktemp -- {directory}/.sophia.XXXXXXXXXX)",
            "trap 'rm -f -- \"$t\"' EXIT",
            f'chown -- {owner} "$t"',
            f'chmod -- {shlex.quote(file.mode)} "$t"',
            'cat >"$t"',
            'n=$(wc -c <"$t")',
            f'[ "$n" -eq {len(file.content)} ] || '
            f'{{ echo "only $n of {len(file.content)} bytes came" >&2; exit 1; }}',
            'sync -- "$t"',
            f'mv -fT -- "$t" {path}',
            f"sync -- {directory}",
        ]
    )
