"""One host of the lab: how it is made, how it is asked, and what can befall it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab.docker import LabError, docker, inspected, run
from tests.lab.images import local_name
from tests.lab.place import INDEX, LABEL, MIRROR_URL, NAME, address_of
from tests.lab.waiting import answers, wait_until

KINDS = {"bare": "host", "docker": "host-docker"}
SUDO_PASSWORD = "the-lab's-sudo-password"  # noqa: S105 - of a user that exists in the lab alone
_DATA_SIZE = "1g"
_BOOTS_WITHIN = 60.0
_SUDOERS = "/etc/sudoers.d/90-ubuntu"
_BALLAST = "/data/.ballast"


@dataclass(frozen=True, slots=True)
class Host:
    """A container that is a server to those who log in.

    Attributes:
        number: from 1; its name and its address follow from it.
        state: the lab's directory.
    """

    number: int
    state: Path

    @property
    def name(self) -> str:
        """Its name in an inventory, and its host name."""
        return f"h{self.number}"

    @property
    def address(self) -> str:
        """Its address in the lab's network."""
        return address_of(self.number)

    @property
    def container(self) -> str:
        """The name of its container."""
        return f"{NAME}-{self.name}"

    def create(self, kind: str) -> None:
        """Makes it anew: nothing of a former one is left, its host key neither.

        Args:
            kind: `bare`, or `docker` with docker and python3-venv installed.
        """
        self.remove()
        self._mount_data()
        docker(
            *("run", "--detach", "--name", self.container, "--hostname", self.name),
            *("--label", LABEL, "--network", NAME, "--ip", self.address),
            # All that --privileged gives but CAP_SYS_RESOURCE, which is not to be had everywhere.
            *("--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--cgroupns", "private"),
            *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
            *("--security-opt", "systempaths=unconfined", "--device-cgroup-rule", "a *:* rwm"),
            # Overlays cannot lie on an overlay; a volume here survives a power cut, unlike a tmpfs.
            *("--volume", "/var/lib", "--volume", f"{self._data}:/data", "--memory", "4g"),
            *("--tmpfs", "/run:exec", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
            *("--env", f"LAB_KEY={(self.state / 'id.pub').read_text().strip()}"),
            *("--env", f"LAB_DNS={_nameserver()}", "--env", f"LAB_MIRROR={MIRROR_URL}"),
            *("--env", f"LAB_INDEX={INDEX}", local_name(KINDS[kind])),
        )
        self.wait_until_up()

    def remove(self) -> None:
        """Removes it with everything that is on it."""
        docker("rm", "--force", "--volumes", self.container)
        while self._data.is_mount():
            run(["umount", "--lazy", str(self._data)])
        shutil.rmtree(self._data.parent, ignore_errors=True)

    def wait_until_up(self) -> None:
        """Waits until it lets people log in, and its docker answers if it is to run."""
        wait_until(lambda: answers(self.address, 22, b"SSH-"), f"{self.name}'s sshd", _BOOTS_WITHIN)
        docker_answers = "! systemctl --quiet is-enabled docker || docker info"
        wait_until(partial(self.succeeds, docker_answers), f"{self.name}'s docker", _BOOTS_WITHIN)

    def host_key(self) -> str:
        """Its public key, read past the network: `ssh-ed25519 AAAA...`."""
        return " ".join(self.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])

    # Asking

    def run(self, *argv: str, stdin: bytes = b"", timeout: float = 60.0) -> str:
        """Runs a program on it as root, past the network; LabError when that fails."""
        return docker("exec", "--interactive", self.container, *argv, stdin=stdin, timeout=timeout)

    def ask(self, script: str, timeout: float = 60.0) -> tuple[int, str]:
        """Runs a shell's script on it as root, past the network; its status and both outputs."""
        ended = subprocess.run(
            ["docker", "exec", self.container, "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        return ended.returncode, ended.stdout.decode(errors="replace")

    def succeeds(self, script: str) -> bool:
        """Whether a shell's script ends with 0 on it."""
        return self.ask(script)[0] == 0

    def ssh(
        self, command: str, stdin: str = "", timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as `ubuntu` through OpenSSH, with the host's key verified."""
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10"]
        options += [f"UserKnownHostsFile={self.state / 'known_hosts'}", "GlobalKnownHostsFile=none"]
        words = [word for option in options for word in ("-o", option)]
        return subprocess.run(
            [
                "ssh",
                "-F",
                "none",
                "-i",
                self.state / "id",
                *words,
                f"ubuntu@{self.address}",
                command,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def containers(self) -> dict[str, str]:
        """By name, the id and the start of each container on it: unchanged if it was left alone."""
        listed = self.run("docker", "ps", "--all", "--quiet", "--no-trunc").split()
        if not listed:
            return {}
        template = "{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Status}}"
        lines = self.run("docker", "inspect", "--format", template, *listed).splitlines()
        return {line.split()[0].removeprefix("/"): line.partition(" ")[2] for line in lines}

    # Faults: each can be done twice, and undone twice

    def cut(self) -> None:
        """Takes its link down: what is sent is lost, and nobody is told."""
        run(["ip", "link", "set", self._link(), "down"])

    def heal(self) -> None:
        """Takes its link up again."""
        run(["ip", "link", "set", self._link(), "up"])

    def off(self) -> None:
        """Takes its power away: no connection is closed, nothing is flushed, /run is lost."""
        if self._status() != "exited":
            self.thaw()
            self.cut()
            docker("kill", "--signal", "KILL", self.container)

    def on(self) -> None:
        """Powers it on and waits until it is up."""
        if self._status() == "exited":
            docker("start", self.container)
        self.heal()
        self.wait_until_up()

    def freeze(self) -> None:
        """Stops every process on it where it stands; its kernel goes on taking packets."""
        if self._status() == "running":
            docker("pause", self.container)

    def thaw(self) -> None:
        """Lets them go on."""
        if self._status() == "paused":
            docker("unpause", self.container)

    def fill_disk(self) -> None:
        """Fills /data, a file system of its own, to the last byte."""
        self.run("sh", "-c", f"cat /dev/zero >{_BALLAST} 2>/dev/null || test -s {_BALLAST}")

    def free_disk(self) -> None:
        """Gives the space back."""
        self.run("rm", "--force", _BALLAST)

    def sudo_password(self, wanted: bool) -> None:
        """Has sudo ask `ubuntu` for a password, which is SUDO_PASSWORD, or for none."""
        self.run("chpasswd", stdin=f"ubuntu:{SUDO_PASSWORD}\n".encode())
        self.run("sh", "-c", _sudo_rule("" if wanted else "NOPASSWD:"))

    def change_host_key(self) -> None:
        """Gives it another host key, as a rebuilt or an impersonated host has."""
        file = "/etc/ssh/ssh_host_ed25519_key"
        self.run("sh", "-c", f"rm -f {file}* && ssh-keygen -q -t ed25519 -N '' -f {file}")
        self.run("systemctl", "restart", "ssh.service")

    def stop_docker(self) -> None:
        """Stops its docker, and keeps a client from starting it."""
        units = ("docker.socket", "docker.service", "containerd.service")
        # A peer of Qdrant has a minute to end in.
        self.run("systemctl", "stop", *units, timeout=150.0)

    def start_docker(self) -> None:
        """Starts its docker."""
        self.run("systemctl", "start", "docker.service")
        self.wait_until_up()

    def mend(self) -> None:
        """Undoes all of these; a changed host key stays."""
        self.thaw()
        if self._status() == "exited":
            self.on()
        self.heal()
        docker_runs = "! systemctl --quiet is-enabled docker || systemctl start docker"
        self.run("sh", "-c", f"rm -f {_BALLAST}; {_sudo_rule('NOPASSWD:')}; {docker_runs}")
        self.wait_until_up()

    @property
    def _data(self) -> Path:
        return self.state / "hosts" / self.name / "data"

    def _mount_data(self) -> None:
        """/data is of a size of its own, so that it can be full; it survives a power cut."""
        self._data.mkdir(parents=True, exist_ok=True)
        options = f"size={_DATA_SIZE},mode=0755"
        run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._data)])

    def _status(self) -> str:
        return inspected("container", self.container, "{{.State.Status}}")

    def _link(self) -> str:
        """The machine's end of the cable; the host may be frozen."""
        pid = inspected("container", self.container, "{{.State.Pid}}")
        if pid in ("", "0"):
            raise LabError(f"{self.name} is off")
        inside = run(["nsenter", "--net", "--target", pid, "ip", "-json", "link", "show", "eth0"])
        peer = json.loads(inside)[0]["link_index"]
        links = json.loads(run(["ip", "-json", "link"]))
        return str(next(link["ifname"] for link in links if link["ifindex"] == peer))


def _sudo_rule(tag: str) -> str:
    """A shell's script that sets it; a password that was just given does not count any more."""
    rule = f"echo 'ubuntu ALL=(ALL) {tag}ALL' >{_SUDOERS}.new && chmod 0440 {_SUDOERS}.new"
    return f"{rule} && mv {_SUDOERS}.new {_SUDOERS}; rm -rf /run/sudo/ts/*"


def _nameserver() -> str:
    """The machine's, if a host can reach it as well: hosts hand theirs on to their containers."""
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and not words[1].startswith("127.") and ":" not in words[1]:
            return words[1]
    return ""
