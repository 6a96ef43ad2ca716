"""Faults of the cluster and of its hosts, injected one at a time, and every check that then speaks.

A fault that shows in several places names them all: a dead peer's container is not running either.
What is not named must go on passing.
"""

from __future__ import annotations

# Each puts its own into the table.
from tests.checks import faults_collections, faults_hosts, faults_peers, faults_services
from tests.checks.faults import FAULTS

__all__ = ["FAULTS", "faults_collections", "faults_hosts", "faults_peers", "faults_services"]
