"""Hosts over SSH: reached, sound, and running what they should. One round trip a host for all."""

from __future__ import annotations

from sophia_cli.checks.check import Check
from sophia_cli.checks.hosts import files, machine, network, reachable, services

CHECKS: tuple[Check, ...] = (
    *reachable.CHECKS,
    *machine.CHECKS,
    *services.CHECKS,
    *network.CHECKS,
    *files.CHECKS,
)
