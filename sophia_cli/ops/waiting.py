"""Those who hold a host that we want: they are waited for, replaced, or left at their work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sophia_cli.errors import Refused
from sophia_cli.ops.lease import Holder

# Linux's monotonic clock stands still while the machine sleeps; macOS's does not.
_AWAKE_OR_NOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class LockHeld(Refused):
    """Somebody else works on the host."""

    code = "lock_held"


def silent(host: str, text: str) -> None:
    """Says nothing."""


def clock() -> float:
    """Seconds that go on while the machine sleeps: leases become stale meanwhile."""
    return time.clock_gettime(_AWAKE_OR_NOT)


class Waiting:
    """What becomes of each holder.

    Args:
        patience: seconds to wait for one that gives no sign of life, from now on.
        breaking: whether the first holder of each host is replaced, alive or not.
        say: tells people.

    Attributes:
        instead: by host, whose lease the next try is to replace.
    """

    def __init__(self, patience: float, breaking: bool, say: Callable[[str, str], None]) -> None:
        self.instead: dict[str, Holder] = {}
        self._patience = patience
        self._breaking = breaking
        self._say = say
        self._deadline = clock() + patience
        self._first_seen: dict[str, Holder] = {}

    def must_pause(self, held: Mapping[str, Holder]) -> bool:
        """Whether one has to be waited for; those who need not be are in `instead` afterwards.

        Raises:
            LockHeld: one is at work, or has been waited for long enough.
        """
        waits = [host for host, holder in held.items() if not self._replaced(host, holder)]
        for host in waits:
            holder = held[host]
            first = self._first_seen.setdefault(host, holder)
            is_alive = (holder.text, holder.seen) != (first.text, first.seen)
            if is_alive or _works_here(holder) or clock() > self._deadline:
                raise LockHeld(
                    f"{host} is locked by {holder}, {holder.silence}",
                    "wait until it has finished; `sophia deploy --break-lock` takes the lock away",
                )
            if first is holder:
                at_most = f"waiting {self._patience:.0f} s at most"
                self._say(host, f"{at_most} for {holder}, {holder.silence}")
        return bool(waits)

    def _replaced(self, host: str, holder: Holder) -> bool:
        if holder.lease is not None and holder.lease.owner.is_gone:
            self._say(host, f"taking over the lock of {holder}, whose process has ended")
        elif self._breaking and host not in self.instead:
            self._say(host, f"breaking the lock of {holder}")
        else:  # also of one who came when another's lock was to be broken
            return False
        self.instead[host] = holder
        return True


def _works_here(holder: Holder) -> bool:
    owner = holder.lease.owner if holder.lease else None
    return owner is not None and owner.is_here and not owner.is_gone
