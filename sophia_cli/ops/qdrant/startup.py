"""Why a Qdrant server did not start, or started as something else than it should be.

Its last words name the cause in its own terms, some mistakes it takes without a word, and two have
the same words: so what is around it is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sophia_cli.ops.qdrant.keys import validate

_KILLED = 137


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause and a next step, one line each."""

    cause: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of a start.

    Attributes:
        log: its lines, the oldest first.
        exit_code: of the last end; None while it never ended.
        running: whether its process is there.
        arguments: of its command line.
        configuration: its file, as YAML; empty where it is not known.
        clustered: what it says of itself in `/cluster`; None where it does not answer.
        listed: whether other peers list one at its address, by an id that it does not have; None
            where nobody could be asked.
    """

    log: Sequence[str]
    exit_code: int | None = None
    running: bool = False
    arguments: Sequence[str] = ()
    configuration: str = ""
    clustered: bool | None = None
    listed: bool | None = None


# What stands in the log, the cause and the next step. {0} is what the first group holds.
_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        r"First peer should specify its uri",
        "the cluster is on, and it was started with neither --uri nor --bootstrap",
        "start it as the playbook does: `./qdrant --uri http://ADDRESS:6335`",
    ),
    (
        r"Failed to create timeout channel",
        "the peer that it was to join does not answer",
        "start that peer first; docker starts this one again by itself",
    ),
    (
        r"has no method set",
        "the consensus log holds an entry that cannot be applied, on every peer alike",
        "a snapshot was recovered with priority `replica`: empty the peers, `sophia reindex`",
    ),
    (
        r"Address already in use",
        "another process has one of its ports",
        "find it with `ss -ltnp`, and stop it or choose another port under services.qdrant",
    ),
    (
        r"TLS file could not be opened: (\S+)",
        "TLS is on and {0} is not there",
        "give it the certificate, or take `enable_tls` out of its configuration",
    ),
    (
        r"failed to create directory `([^`]+)`: File exists",
        "{0} is a file where a directory must be",
        "move the file away, or correct services.qdrant.data_dir",
    ),
    (
        r"failed to create directory `([^`]+)`: Permission denied",
        "it may not write to {0}",
        "give the directory to the user that the container runs as: root unless told otherwise",
    ),
    (
        r"\(de\)serialization error",
        "the state of its consensus (storage/raft_state.json) is damaged",
        "remove the peer from the cluster, empty its storage, deploy: the others have its points",
    ),
    (
        r"Can't init WAL: Kind\(WouldBlock\)",
        "another server works on the same storage",
        "stop the other one: `docker ps`, `pgrep -a qdrant`",
    ),
    (
        r"Failed to load local shard \"([^\"]+)\"",
        "a segment of {0} is damaged",
        "remove the peer from the cluster, empty its storage, deploy: the others have its points",
    ),
    (
        r"duplicate field `([^`]+)`",
        "its configuration has {0}, which YAML wants with another name",
        "write `{0}_kb`, or take it out",
    ),
    (
        r"invalid (?:type|value): .*for key `([^`]+)`",
        "its configuration has a wrong value for {0}",
        "correct the template of its configuration",
    ),
    (
        r"No space left on device",
        "its disk is full",
        "free space below services.qdrant.data_dir",
    ),
)
_NOT_ADDED = r"Failed to add peer to known"
_LOST = Explanation(
    "it lost its storage: the others still list its old id at this address",
    "remove the old id (`DELETE /cluster/peer/ID?force=true` at another peer), then start it again",
)
_NO_KEY = Explanation(
    "the cluster turned it away: it has not the key that the peers enforce",
    "give it the API key of the others: `sophia deploy qdrant` writes it",
)
_EITHER = Explanation(
    "the cluster did not take it: it lost its storage and its old id is listed still, or it has "
    "not the key of the others",
    "look at `/cluster` of another peer: remove the old id there, or deploy the key",
)


def explain(start: Start) -> Explanation:
    """The cause and the next step; the last line of the log where nothing is known of it."""
    log = "\n".join(start.log)
    for pattern, cause, step in _WORDS:
        if found := re.search(pattern, log):
            return Explanation(cause.format(*found.groups()), step.format(*found.groups()))
    if re.search(_NOT_ADDED, log):
        return _turned_away(log, start.listed)
    return _silent(start) or _unknown(start)


def _turned_away(log: str, listed: bool | None) -> Explanation:
    if listed or re.search(r"already (?:exists|has|in)", log):
        return _LOST
    if listed is False or re.search(r"(?i)unauthenticated|api.key", log):
        return _NO_KEY
    return _EITHER


def _silent(start: Start) -> Explanation | None:
    """What a server takes without a word."""
    uri = _argument(start.arguments, "--uri")
    if uri and "://" not in uri:
        return Explanation(
            f"--uri {uri} has no scheme: it starts, and no other peer can use the address",
            f"start it with --uri http://{uri}",
        )
    if start.clustered is False:
        return Explanation(
            "it runs alone: its cluster is off, whatever its storage holds",
            "its configuration wants `cluster.enabled: true`: `sophia deploy qdrant`",
        )
    if wrong := validate(start.configuration):
        return Explanation(f"its configuration is wrong: {wrong[0]}", "correct the template of it")
    return None


def _unknown(start: Start) -> Explanation:
    if start.exit_code == _KILLED:
        return Explanation(
            "it was killed (exit 137): out of memory, or not stopped in time",
            "look at `dmesg` and at services.qdrant.limits.memory",
        )
    words = next((line.strip() for line in reversed(start.log) if line.strip()), "it says nothing")
    state = "it runs" if start.running else f"it ended with {start.exit_code}"
    return Explanation(
        f"{state}: {words[:200]}", "`docker logs sophia-qdrant` on its host says more"
    )


def _argument(arguments: Sequence[str], name: str) -> str:
    for place, argument in enumerate(arguments):
        if argument == name:
            return next(iter(arguments[place + 1 :]), "")
        if argument.startswith(name + "="):
            return argument.removeprefix(name + "=")
    return ""
