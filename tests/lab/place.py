"""Where the lab is: its name, its addresses and its directory.

The network is the lab's own. Addresses of documentation (192.0.2.0/24) are never a test network: a
machine's own interface may be in that range.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = "sophia-lab"
LABEL = f"{NAME}=1"
BRIDGE = "br-sophia-lab"
SUBNET = "10.231.7.0/24"
GATEWAY = "10.231.7.1"
REGISTRY = "10.231.7.2"
INDEX = "10.231.7.3"
MIRROR_URL = f"http://{REGISTRY}:5000"
INDEX_URL = f"http://{INDEX}:8000/simple/"

PROJECT = Path(__file__).resolve().parents[2]
IMAGES = Path(__file__).with_name("images")


def address_of(number: int) -> str:
    """The address of the host with a number, 1 to 200."""
    return f"10.231.7.{20 + number}"


def state_directory() -> Path:
    """What the lab keeps between runs: LAB_STATE, or `sophia-lab` in the user's cache directory."""
    return Path(os.environ.get("LAB_STATE") or "~/.cache/sophia-lab").expanduser()
