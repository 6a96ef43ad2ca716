"""What a run that was killed has left at work on a host: it is waited for before anything is begun.

A command goes on when the machine that gave it is gone. Two at once would spoil each other's work:
a container that is being stopped while it is looked at, two installations into one place.
"""

from __future__ import annotations

from collections.abc import Sequence

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

# Longer than most steps take; who waits can stop it.
_AT_MOST = 900
_STILL = 75
# A command of sophia's is told by how its shell begins (`connection.shell`), and one that nobody
# waits for by its parent: without the connection's process that is the first one.
_WAIT = """left() {{
  for at in $(grep -lsaF 'sophia %s' /proc/[0-9]*/cmdline); do
    read -r line 2>/dev/null <"${{at%cmdline}}stat" || continue
    set -- ${{line##*) }}
    [ "$2" != 1 ] || printf '%s ' "$(basename "${{at%/cmdline}}")"
  done
}}
now() {{ read -r up rest </proc/uptime; echo "${{up%.*}}"; }}
end=$(($(now) + {seconds}))
said=
while pids=$(left); [ -n "$pids" ]; do
  if [ "$pids" != "$said" ]; then
    echo "waiting for what an earlier run has left at work: process $pids"
    said=$pids
  fi
  [ "$(now)" -lt "$end" ] || exit {still}
  sleep 0.5
done
"""


def wait_for_leftovers(site: Site, hosts: Sequence[str], seconds: int = _AT_MOST) -> None:
    """Returns once no command of a run that has ended is at work on these hosts.

    Args:
        seconds: how long they are waited for.

    Raises:
        CommandFailed: one is still at work; names host and process.
        HostUnreachable, OutcomeUnknown, SudoRefused: a host could not be asked.
    """
    text = _WAIT.format(seconds=seconds, still=_STILL)

    def wait(host: str) -> None:
        with site.connections.to(host) as connection:
            finished = connection.run(
                Command(text, timeout=seconds + 30.0), lambda line: site.say(host, line)
            )
        if finished.exit_status == _STILL:
            process = finished.stdout.strip().rpartition(": process ")[2]
            raise CommandFailed(
                f"{host}: what an earlier run began is still at work: process {process}",
                f"on {host}: ps -fp {process.replace(' ', ',')}; "
                "once it has ended, run `sophia deploy` again",
            )
        if finished.exit_status:
            raise CommandFailed(
                f"{host}: its processes cannot be looked at: {finished.stderr.strip()[-300:]}"
            )

    on_all(site, hosts, wait)
