"""What is asked: for each operation, the request of REST and the call of the API in this process.

Every request is checked here, by the models that the server checks it with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID, uuid4

from sophia_cli.api import requests
from sophia_cli.api.results import (
    event_from_json,
    recalled_from_json,
    receipt_from_json,
    remembered_from_json,
)
from sophia_cli.client import options
from sophia_cli.client.options import plain
from sophia_cli.client.result import Result
from sophia_cli.errors import InvalidInput, TooLarge, Unreachable
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.asking import Intent
from sophia_cli.memory.model import Memory
from sophia_cli.memory.service import Receipt, Remembered
from sophia_cli.memory.wire import memory_from_json
from sophia_cli.tiers.records.queries import Event

if TYPE_CHECKING:
    from sophia_cli.api.memories import Memories
    from sophia_cli.api.results import Result as Answered

T = TypeVar("T")
Id = UUID | str
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One operation.

    Attributes:
        name: the command that does the same.
        local: the operation in this process.
        value: reads one row of the answer, which knows the whole of it.
        repeatable: whether it may be sent again where it is unknown if it was carried out.
    """

    name: str
    method: str
    path: str
    local: Callable[[Memories], Answered[Any]]
    value: Callable[[Mapping[str, Any], Mapping[str, Any]], T]
    query: Sequence[tuple[str, str]] = ()
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True

    def result(self, envelope: Mapping[str, Any]) -> Result[T]:
        """The answer's values.

        Raises:
            Unreachable: it is none of sophia's, or of a version that speaks otherwise.
        """
        try:
            rows = envelope["data"]
            return Result(
                tuple(self.value(row, envelope) for row in rows),
                tuple(envelope["degraded"]),
                envelope["trace"],
                all(row.get("complete", True) for row in rows),
                envelope.get("next_cursor"),
            )
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Unreachable(
                f"an answer to {self.name} that is none of sophia's",
                "check the URL, and the version of the server",
            ) from None


def remember(
    memories: str | options.NewMemory | Sequence[options.NewMemory], about: Mapping[str, Any]
) -> Call[Remembered]:
    """Stores one memory, or several at once: all of them, or none."""
    headers = {"Idempotency-Key": str(uuid4())}
    if isinstance(memories, str):
        memories = {"content": memories}
    if isinstance(memories, Mapping):
        one = requests.parsed(requests.NewMemory, plain({**about, **memories}))
        return Call(
            "remember",
            "POST",
            "/v1/memories",
            lambda local: local.remember([one]),
            _remembered,
            body=_body(one),
            headers=headers,
        )
    _check_count(len(memories))
    many = [requests.parsed(requests.NewMemory, plain({**about, **each})) for each in memories]
    return Call(
        "remember",
        "POST",
        "/v1/memories/batch",
        lambda local: local.remember(many),
        _remembered,
        body={"memories": [_body(each) for each in many]},
        headers=headers,
    )


def recall(query: str, given: Mapping[str, Any]) -> Call[Recalled]:
    """The best memories for a question."""
    request = requests.parsed(requests.Recall, plain({**given, "query": query}))
    return _question("recall", request, lambda local: local.recall(request), _recalled)


def similar(text: str, given: Mapping[str, Any]) -> Call[Recalled]:
    """The memories nearest to a text by meaning alone."""
    request = requests.parsed(requests.Similar, plain({**given, "text": text}))
    return _question("similar", request, lambda local: local.similar(request), _recalled)


def ask(sentence: str, given: Mapping[str, Any]) -> Call[Any]:
    """Carries out a plain sentence; one that stores may be sent again, since it stores once."""
    request = requests.parsed(requests.Sentence, plain({**given, "sentence": sentence}))
    return _question("ask", request, lambda local: local.ask(request), _asked)


def get(id_: Id) -> Call[Memory]:
    """One memory."""
    known = _id(id_)
    path = f"/v1/memories/{known}"
    return Call("show", "GET", path, lambda local: local.get(known), _memory)


def page(
    given: Mapping[str, Any], size: int | None, cursor: str | None, ended: bool
) -> Call[Memory]:
    """One page of a list."""
    which = requests.parsed(requests.Filter, plain(given))
    limit = _PAGE if size is None else size
    if not 1 <= limit <= requests.MOST_RESULTS:
        raise InvalidInput(f"page {limit} is not between 1 and {requests.MOST_RESULTS:,}")
    values = which.model_dump(mode="json", exclude_unset=True, exclude={"tags"})
    query = [
        *((name, str(value)) for name, value in values.items()),
        *(("tag", f"{key}={value}") for key, value in which.tags.items()),
        ("limit", str(limit)),
        *([("cursor", cursor)] if cursor else []),
        *([("all", "true")] if ended else []),
    ]
    return Call(
        "list",
        "GET",
        "/v1/memories",
        lambda local: local.list(which, limit=limit, cursor=cursor, ended=ended),
        _memory,
        query,
    )


def history(id_: Id) -> Call[Event]:
    """The audit trail of a memory."""
    known = _id(id_)
    path = f"/v1/memories/{known}/history"
    return Call("history", "GET", path, lambda local: local.history(known), _event)


def update(id_: Id, given: Mapping[str, Any], version: int | None) -> Call[Memory]:
    """Changes fields of a memory. Not to be repeated: another may have changed it meanwhile."""
    known = _id(id_)
    change = requests.parsed(requests.Change, plain(given))
    return Call(
        "update",
        "PATCH",
        f"/v1/memories/{known}",
        lambda local: local.update(known, change, version=version),
        _memory,
        body=_body(change),
        headers=_if_match(version),
        repeatable=False,
    )


def forget(ids: Id | Sequence[Id], version: int | None) -> Call[Receipt]:
    """Erases memories from every tier."""
    if isinstance(ids, str | UUID):
        one = _id(ids)
        return Call(
            "forget",
            "DELETE",
            f"/v1/memories/{one}",
            lambda local: local.forget([one], version=version),
            _receipt,
            headers=_if_match(version),
            repeatable=version is None,
        )
    if version is not None:
        raise InvalidInput("a version is that of one memory", "forget them one by one")
    known = [_id(each) for each in ids]
    _check_count(len(known))
    return Call(
        "forget",
        "POST",
        "/v1/memories/forget",
        lambda local: local.forget(known),
        _receipt,
        body={"ids": [str(each) for each in known]},
    )


def stats() -> Call[dict[str, Any]]:
    """What the process that serves measured of itself and of its tiers."""
    return Call("stats", "GET", "/v1/stats", lambda local: local.stats(), lambda row, _: dict(row))


def _check_count(count: int) -> None:
    if count == 0:
        raise InvalidInput("no memory is given", "give one at least")
    if count > requests.MOST_AT_ONCE:
        most = f"at most {requests.MOST_AT_ONCE:,} at once"
        raise TooLarge(f"{count:,} memories, {most}", "send them in parts")


def _question(
    name: str,
    request: requests.Request,
    local: Callable[[Memories], Answered[Any]],
    value: Callable[[Mapping[str, Any], Mapping[str, Any]], T],
) -> Call[T]:
    return Call(name, "POST", f"/v1/{name}", local, value, body=_body(request))


def _body(request: requests.Request) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude_unset=True)


def _id(given: Id) -> UUID:
    try:
        return given if isinstance(given, UUID) else UUID(given)
    except (ValueError, AttributeError, TypeError):
        raise InvalidInput("not the id of a memory", "a list shows what there is") from None


def _if_match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _remembered(row: Mapping[str, Any], _: Mapping[str, Any]) -> Remembered:
    return remembered_from_json(row)


def _recalled(row: Mapping[str, Any], _: Mapping[str, Any]) -> Recalled:
    return recalled_from_json(row)


def _memory(row: Mapping[str, Any], _: Mapping[str, Any]) -> Memory:
    return memory_from_json(row)


def _event(row: Mapping[str, Any], _: Mapping[str, Any]) -> Event:
    return event_from_json(row)


def _receipt(row: Mapping[str, Any], _: Mapping[str, Any]) -> Receipt:
    return receipt_from_json(row)


def _asked(row: Mapping[str, Any], envelope: Mapping[str, Any]) -> Any:
    match envelope["trace"]["understood"]["intent"]:
        case Intent.REMEMBER.value:
            return remembered_from_json(row)
        case Intent.PERFORMANCE.value:
            return dict(row)
    return recalled_from_json(row)
