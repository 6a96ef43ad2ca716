"""What a gate and a guard are. A playbook's step names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sophia_cli.ops.site import Site


class Gate(Protocol):
    """Looks whether a service does its work, by a question or a write of its own."""

    def __call__(self, site: Site, hosts: Sequence[str]) -> str:
        """What was shown, in one line. It waits within bounds for what may take a while.

        Raises:
            GateFailed: the service does not do its work; says which host said what, and the next
                step.
            Unreachable: nobody could be asked.
        """


class Guard(Protocol):
    """Stands around the change of one host of a running service."""

    def before(self, site: Site, host: str) -> str:
        """Makes sure that the service can do without this host, and makes it do so.

        It does nothing where the service does not run yet. The text says what was done.

        Raises:
            GateFailed: the service cannot do without it now: nothing was changed.
        """

    def after(self, site: Site, host: str) -> str:
        """Waits until the service is whole again, and gives the host its work back.

        Raises:
            GateFailed: it did not become whole; the next host is left alone.
        """
