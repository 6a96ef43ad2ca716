"""What a machine says of itself: system, size, GPU, docker, clock."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sophia_cli.ops.facts.docker import CURL, SOCKET
from sophia_cli.ops.facts.lines import pairs

# Whatever may hang has a bound of its own, so that the rest is still known. A process costs more
# than what it says: one that has nothing to say is not started.
_SCRIPT = r"""
set -- $(uname -nm)
echo "hostname=$1"
echo "architecture=$2"
echo "cpus=$(nproc)"
sed -n -E -e 's/^(ID|VERSION_ID|PRETTY_NAME)=/os &/p' \
    -e 's/^MemTotal: *([0-9]+) kB$/memory_kb=\1/p' /etc/os-release /proc/meminfo
set -- $(df -B1 --output=size,avail /)
[ $# -ne 4 ] || echo "disk=$3 $4"
if [ -d /run/systemd/system ]; then echo init=systemd; else echo "init=$(cat /proc/1/comm)"; fi
if command -v nvidia-smi >/dev/null &&
    gpu=$(timeout 10 nvidia-smi --query-gpu=name --format=csv,noheader); then
    printf 'gpu=%s\n' "$(printf '%s\n' "$gpu" | head -n 1)"
fi
SOCKET
if command -v docker >/dev/null; then
    said=
    [ -z "$s" ] || said=$(CURL -i --max-time 3 --unix-socket "$s" http://docker/_ping)
    case $said in
    *"Server: Docker/"*) said=${said#*"Server: Docker/"}; docker=${said%% *} ;;
    *) docker=$(timeout 5 docker version --format '{{.Server.Version}}') || docker= ;;
    esac
    echo "docker=$docker"
fi
if python=$(python3 -V); then echo "python=${python#Python }"; fi
echo "clock=$(date +%s.%N)"
""".replace("SOCKET", SOCKET).replace("CURL", CURL)


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """A machine.

    Attributes:
        os: as people call it: `Debian GNU/Linux 12 (bookworm)`.
        os_id: `debian`, `ubuntu`.
        os_version: `12`, `22.04`.
        architecture: as the kernel calls it: `x86_64`, `aarch64`.
        memory_bytes: all that the kernel has.
        disk_free_bytes: of /, for those who are not root.
        disk_total_bytes: of /.
        gpu: the name of the first NVIDIA GPU; None where its driver does not answer.
        docker: the version of the server; None where it does not answer.
        clock: its time when it was asked, seconds since 1970.
        init: `systemd`, or what process 1 is called.
        python: the version of `python3`; None where there is none.
    """

    hostname: str
    os: str
    os_id: str
    os_version: str
    architecture: str
    cpus: int
    memory_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    gpu: str | None
    docker: str | None
    clock: float
    init: str
    python: str | None


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine itself."""

    @property
    def command(self) -> str:
        """Prints one `name=value` a line."""
        return _SCRIPT

    def parse(self, output: str, exit_status: int) -> MachineFacts:
        """What it is; `ValueError` if it does not say so."""
        if exit_status == 124:
            raise ValueError("the machine did not say what it is in time")
        said = pairs(output)
        try:
            total, free = said["disk"].split()
            return MachineFacts(
                hostname=said["hostname"],
                os=_plain(said.get("os PRETTY_NAME", "")),
                os_id=_plain(said.get("os ID", "")),
                os_version=_plain(said.get("os VERSION_ID", "")),
                architecture=said["architecture"],
                cpus=int(said["cpus"]),
                memory_bytes=int(said["memory_kb"]) * 1024,
                disk_free_bytes=int(free),
                disk_total_bytes=int(total),
                gpu=said.get("gpu") or None,
                docker=said.get("docker") or None,
                clock=float(said["clock"]),
                init=said["init"],
                python=said.get("python") or None,
            )
        except KeyError as error:
            raise ValueError(f"the machine does not say its {error.args[0]}") from None


def _plain(value: str) -> str:
    """A value of /etc/os-release, which is quoted as for a shell."""
    return "".join(shlex.split(value)[:1])
