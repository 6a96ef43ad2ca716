"""An operation of the consensus: sent once, and looked up when its outcome is unknown.

One that timed out is carried out later, as soon as there is a quorum: a second one, or its
opposite, would come on top of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Answer, Silence

_PAUSE = 0.5


class Outcome(StrEnum):
    """What became of something that was sent."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def outcome_of(answer: Answer | Silence) -> Outcome:
    """What an answer says of an operation or a write.

    A failure of the server (5xx) is no refusal: the operation waits, and a write may stand on some
    of the replicas.
    """
    if isinstance(answer, Silence):
        return Outcome.REFUSED if answer.nobody else Outcome.UNKNOWN
    if answer.status == 200:
        result = answer.result
        if result is True:
            return Outcome.DONE
        if isinstance(result, dict) and result.get("status") == "completed":
            return Outcome.DONE
        return Outcome.UNKNOWN
    return Outcome.REFUSED if 400 <= answer.status < 500 else Outcome.UNKNOWN


def carry_out(
    what: str,
    send: Callable[[], Answer | Silence],
    done: Callable[[], bool],
    patience: float,
) -> None:
    """Sends an operation once, and returns when it is seen to be done.

    Whoever calls has proven the quorum.

    Args:
        what: for people: `create the collection sophia_coding`.
        done: looks whether it is done.
        patience: for how long it is looked up, seconds.

    Raises:
        GateFailed: it was refused, or is not done in time; it may be done later.
    """
    answer = send()
    outcome = outcome_of(answer)
    if outcome is Outcome.REFUSED and not done():
        raise GateFailed(f"qdrant: {what}: {_said(answer)}", "`sophia doctor` looks at every peer")
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            raise GateFailed(
                f"qdrant: {what}: not done within {patience:g} s ({_said(answer)})",
                "it may be done later: nothing else was sent; look again before you send anything",
            )
        time.sleep(_PAUSE)


def _said(answer: Answer | Silence) -> str:
    return answer.reason if isinstance(answer, Silence) else answer.error
