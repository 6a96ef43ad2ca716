"""The commands of docker's CLI that bring a container about; 20.10 and newer know all of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from sophia_cli.ops.connection.protocol import Command

_PULL_TIMEOUT = 1800.0
_RUN_TIMEOUT = 300.0
_GRACE = 60.0
_TAIL = 30
# Without a bound, what a container prints fills the host's disk.
LOG_FLAGS = ("--log-driver", "json-file", "--log-opt", "max-size=50m", "--log-opt", "max-file=5")
"""How much of what a container prints is kept."""


def pull(image: str) -> Command:
    """Fetches an image."""
    return Command(shlex.join(["docker", "pull", image]), timeout=_PULL_TIMEOUT)


def run(arguments: Sequence[str]) -> Command:
    """Makes a container and starts it in the background."""
    return Command(shlex.join(["docker", "run", "--detach", *arguments]), timeout=_RUN_TIMEOUT)


def start(name: str, status: str) -> Command:
    """Starts a container that is there."""
    verb = "unpause" if status == "paused" else "start"
    return Command(shlex.join(["docker", verb, name]), timeout=_RUN_TIMEOUT)


def restart(name: str, stop_timeout: int) -> Command:
    """Starts a container anew; docker counts its restarts from 0 again."""
    return Command(
        shlex.join(["docker", "restart", "-t", str(stop_timeout), name]),
        timeout=stop_timeout + _RUN_TIMEOUT,
    )


def remove(name: str, stop_timeout: int, status: str = "") -> Command:
    """Stops a container, with the time that it needs, and removes it; its volumes stay.

    Args:
        stop_timeout: seconds until it is ended by force.
    """
    quoted = shlex.quote(name)
    unpause = f"docker unpause {quoted} && " if status == "paused" else ""
    return Command(
        f"{unpause}docker stop -t {stop_timeout} {quoted} && docker rm {quoted}",
        timeout=stop_timeout + _GRACE,
    )


def wait(
    name: str, probe: str, *, seconds: int, turns: int = 1, restarts: int | None = None
) -> Command:
    """Waits until a container is well; says what it last said when it is not.

    Args:
        probe: a command for `sh` on the host; empty when running is all that is asked.
        seconds: how long it may take.
        turns: how often in a row, a second apart, it must be well.
        restarts: how often docker may have started it anew; None for no more than now.
    """
    quoted = shlex.quote(name)
    asked = f"docker inspect --type container --format '{_STATE}' {quoted}"
    allowed = (
        f"allowed={restarts}" if restarts is not None else f"set -- $({asked}); allowed=${{2:-0}}"
    )
    # The host's clock may be set while it is waited: /proc/uptime only goes forward.
    text = f"""now() {{ read -r up rest </proc/uptime; echo "${{up%.*}}"; }}
{allowed}
end=$(($(now) + {seconds})) good=0 said=
while :; do
    set -- $({asked} || echo gone 0 0)
    if [ "$1" = running ] && said=$({{ {probe or ":"}; }} 2>&1 </dev/null); then
        good=$((good + 1))
    else
        good=0
    fi
    [ "$2" -le "$allowed" ] || break
    [ $good -lt {turns} ] || exit 0
    case $1 in exited|dead|gone) break ;; esac
    [ "$(now)" -lt $end ] || break
    sleep 1
done
echo "container "{quoted}" is not well after $(($(now) - end + {seconds})) s: $1,"\
 "exit code $3, started anew $2 times" >&2
[ -z "$said" ] || printf 'its check says: %.500s\\n' "$said" >&2
docker logs --tail {_TAIL} {quoted} >&2 2>&1
exit 1"""
    return Command(text, timeout=seconds + _GRACE)


_STATE = "{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}"


def probe_inside(name: str, command: str) -> str:
    """Runs a check in the container."""
    return f"timeout 5 docker exec {shlex.quote(name)} sh -c {shlex.quote(command)}"


def probe_port(address: str, port: int) -> str:
    """Connects to a TCP port of the host: every Debian has bash, and few have nc."""
    return f"timeout 2 bash -c {shlex.quote(f'exec 3<>/dev/tcp/{address}/{port}')}"


def flags(values: Mapping[str, object]) -> list[str]:
    """Flags with their values, those without a value left out, lists as the flag repeated."""
    found: list[str] = []
    for name, value in values.items():
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None and each != "":
                found += [f"--{name}", str(each)]
    return found
