"""The lab by hand: python -m tests.lab build | up [COUNT] [KIND] | ssh HOST [COMMAND] | ..."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.lab.docker import LabError, what_is_missing
from tests.lab.host import KINDS
from tests.lab.inventory import sophia_yaml
from tests.lab.lab import Lab

FAULTS = (
    *("cut", "heal", "off", "on", "freeze", "thaw", "fill_disk", "free_disk"),
    *("stop_docker", "start_docker", "change_host_key"),
)
# Not under the feet of a session that has the lab.
REMAKING = ("build", "up", "reset", "down", "purge")


def main() -> None:
    """Does one thing with the lab."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    does = parser.add_subparsers(dest="does", required=True)
    does.add_parser("build", help="builds images and wheels and serves them")
    up = does.add_parser("up", help="makes hosts, after building what is missing")
    up.add_argument("count", nargs="?", type=int, default=3)
    up.add_argument("kind", nargs="?", choices=KINDS, default="docker")
    reset = does.add_parser("reset", help="makes one host anew")
    reset.add_argument("host")
    reset.add_argument("kind", nargs="?", choices=KINDS, default="docker")
    ssh = does.add_parser("ssh", help="a shell on a host, or one command")
    ssh.add_argument("host")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    for fault in FAULTS:
        does.add_parser(fault.replace("_", "-")).add_argument("host")
    does.add_parser("mend", help="undoes every fault")
    does.add_parser("inventory", help="prints a sophia.yaml that fits")
    does.add_parser("down", help="removes hosts, services and network")
    does.add_parser("purge", help="removes images and wheels as well")
    wanted = parser.parse_args()
    if missing := what_is_missing():
        sys.exit(missing)
    try:
        _do(wanted)
    except LabError as error:
        sys.exit(str(error))


def _do(wanted: argparse.Namespace) -> None:
    started = time.monotonic()
    lab = Lab(say=lambda what: print(f"{time.monotonic() - started:6.1f} s  {what}", flush=True))
    lab.adopt()
    if wanted.does in REMAKING:
        with lab.alone():
            _remake(lab, wanted)
    elif wanted.does == "inventory":
        print(sophia_yaml(list(lab.hosts.values())), end="")
        return
    elif wanted.does == "ssh":
        known = f"UserKnownHostsFile={lab.known_hosts}"
        address = f"ubuntu@{lab[wanted.host].address}"
        os.execvp("ssh", ["ssh", "-i", str(lab.key), "-o", known, address, *wanted.command])  # noqa: S606
    elif wanted.does in {fault.replace("_", "-") for fault in FAULTS}:
        getattr(lab[wanted.host], wanted.does.replace("-", "_"))()
    else:
        getattr(lab, wanted.does)()
    print(f"{time.monotonic() - started:6.1f} s  done")


def _remake(lab: Lab, wanted: argparse.Namespace) -> None:
    if wanted.does == "up":
        lab.build()
        lab.up(wanted.count, wanted.kind)
    elif wanted.does == "reset":
        lab.reset(lab[wanted.host], wanted.kind)
    else:
        getattr(lab, wanted.does)()


if __name__ == "__main__":
    main()
