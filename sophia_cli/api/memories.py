"""The memory as one caller may use it: every operation, narrowed to what their access covers."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sophia_cli.api.access import OWNER, Access, Scope
from sophia_cli.api.requests import (
    MOST_AT_ONCE,
    Change,
    Filter,
    NewMemory,
    Recall,
    Sentence,
    Similar,
)
from sophia_cli.api.results import (
    Result,
    event_to_json,
    recalled_to_json,
    receipt_to_json,
    remembered_to_json,
    result,
)
from sophia_cli.config import model
from sophia_cli.environment import utc_now
from sophia_cli.errors import InvalidInput, NotFound, TooLarge
from sophia_cli.memory.answers import Recalled
from sophia_cli.memory.asking import Intent, Understood, understand
from sophia_cli.memory.model import Memory
from sophia_cli.memory.moments import moment_in
from sophia_cli.memory.recalling import Question
from sophia_cli.memory.repeating import remember_once
from sophia_cli.memory.service import MemoryService, Receipt, Remembered, present
from sophia_cli.memory.statistics import statistics
from sophia_cli.memory.trace import Trace
from sophia_cli.memory.validation import checked_text
from sophia_cli.memory.wire import memory_to_json
from sophia_cli.tiers.records.idempotency import Once
from sophia_cli.tiers.records.queries import Event

Opener = Callable[[], contextlib.AbstractContextManager[MemoryService]]

_PAGE = 20


class Memories:
    """The operations of one caller. Safe to use from many threads.

    Args:
        opener: opens the service, for each operation anew: its configuration may change.
        settings: how memories are searched.
        access: what the caller may do.
        now: the clock.
    """

    def __init__(
        self,
        opener: Opener,
        settings: model.Recall,
        access: Access = OWNER,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._opener = opener
        self._settings = settings
        self._access = access
        self._now = now

    def remember(
        self, memories: Sequence[NewMemory], *, explain: bool = False, once: Once | None = None
    ) -> Result[Remembered]:
        """Stores memories: all of them, or none; see `MemoryService.remember`.

        Args:
            once: names the request, so that it is carried out once: see `remember_once`.
        """
        self._access.require(Scope.WRITE)
        if len(memories) > MOST_AT_ONCE:
            raise TooLarge(
                f"{len(memories):,} memories, at most {MOST_AT_ONCE:,} are stored at once",
                "send them in parts",
            )
        now, trace = self._now(), Trace()
        drafts = [self._access.draft(each.draft(now)) for each in memories]
        with self._opener() as service:
            stored = (
                service.remember(drafts, now, trace)
                if once is None
                else remember_once(service, drafts, now, trace, once)
            )
        trace.served_by = "records"
        return result(stored, partial(remembered_to_json, explain=explain), trace)

    def recall(self, request: Recall) -> Result[Recalled]:
        """The best memories for a question, best first; see `MemoryService.recall`."""
        now = self._now()
        question = Question(
            checked_text(request.query, "the question"),
            self._access.kinds(request.kind),
            self._access.where(request.where(now)),
            request.limit or self._settings.limit,
            diverse=request.diverse,
            asked_at=None if request.now is None else moment_in("now", request.now, now),
        )
        return self._recalled(question, now, explain=request.explain)

    def similar(self, request: Similar) -> Result[Recalled]:
        """The memories nearest to a text by meaning alone, best first."""
        now = self._now()
        question = Question(
            checked_text(request.text),
            self._access.kinds(request.kind),
            self._access.where(request.where(now)),
            request.limit or self._settings.limit,
            by_meaning=True,
        )
        return self._recalled(question, now, explain=request.explain)

    def ask(self, request: Sentence) -> Result[Any]:
        """Carries out a plain sentence; the trace's `understood` says what it was taken for."""
        understood = understand(checked_text(request.sentence, "the sentence"))
        answered = self._carried_out(understood, request)
        answered.trace.notes["understood"] = {
            "intent": understood.intent.value,
            "text": understood.text,
        }
        return answered

    def get(self, id_: UUID) -> Result[Memory]:
        """One memory.

        Raises:
            NotFound: there is none that the caller can see, or it was forgotten.
        """
        self._access.require(Scope.READ)
        trace = Trace(served_by="records")
        with self._opener() as service, trace.tier("records"):
            memory = present(self._seen(service, [id_])[0], id_)
        return result([memory], memory_to_json, trace)

    def list(
        self,
        which: Filter,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        ended: bool = False,
    ) -> Result[Memory]:
        """One page of memories, the newest first.

        Args:
            cursor: where it begins: `next_cursor` of the page before.
            ended: with those that are superseded or expired.

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        self._access.require(Scope.READ)
        now, trace = self._now(), Trace(served_by="records")
        wanted = limit or _PAGE
        with self._opener() as service, trace.tier("records"):
            found = service.records.queries.newest(
                self._access.where(which.where(now)),
                self._access.kinds(which.kind),
                wanted + 1,
                now=None if ended else now,
                before=None if cursor is None else _from_cursor(cursor),
            )
        page = found[:wanted]
        more = len(found) > wanted
        return result(
            page, memory_to_json, trace, next_cursor=_to_cursor(page[-1].id) if more else None
        )

    def history(self, id_: UUID) -> Result[Event]:
        """The audit trail of a memory, oldest first, also of one that was forgotten.

        Raises:
            NotFound: there is no such memory that the caller can see.
        """
        self._access.require(Scope.READ)
        trace = Trace(served_by="records")
        with self._opener() as service, trace.tier("records"):
            self._seen(service, [id_])
            events = service.records.queries.history(id_)
        return result(events, event_to_json, trace)

    def update(self, id_: UUID, change: Change, *, version: int | None = None) -> Result[Memory]:
        """Changes fields of a memory; its tags are added to those it has.

        Args:
            version: the only version that is to be changed; None for any.

        Raises:
            NotFound: there is none that the caller can see.
            Conflict: it has another version by now.
        """
        self._access.require(Scope.WRITE)
        now, trace = self._now(), Trace(served_by="records")
        fields = change.fields(now)
        if change.kind is not None:
            self._access.kinds(change.kind)
        with self._opener() as service:
            [known] = self._seen(service, [id_])
            if change.tags:
                fields["tags"] = {**present(known, id_).tags, **change.tags}
            memory = service.update(id_, fields, now, trace, version=version)
        return result([memory], memory_to_json, trace)

    def forget(self, ids: Sequence[UUID], *, version: int | None = None) -> Result[Receipt]:
        """Erases memories from every tier and reads each back.

        Args:
            version: the only version that is to be erased; None for any.

        Raises:
            NotFound: one is not there, or the caller cannot see it; none is erased.
            Conflict: it has another version by now.
        """
        self._access.require(Scope.WRITE)
        now, trace = self._now(), Trace()
        with self._opener() as service:
            self._seen(service, ids)
            receipts = service.forget(ids, now, trace, version=version)
        complete = all(receipt.complete for receipt in receipts)
        return result(receipts, receipt_to_json, trace, complete=complete)

    def stats(self) -> Result[dict[str, Any]]:
        """What the process measured of itself and of its tiers; see `statistics`.

        Raises:
            Forbidden: the caller sees a part of the memory only.
        """
        self._access.require(Scope.READ)
        self._access.require_all()
        trace = Trace(served_by="records")
        with self._opener() as service:
            measured = statistics(service, self._now(), trace)
        return result([measured], lambda row: row, trace)

    def _recalled(
        self, question: Question, now: datetime, *, explain: bool = False
    ) -> Result[Recalled]:
        self._access.require(Scope.READ)
        trace = Trace()
        with self._opener() as service:
            found = service.recall(question, self._settings.candidates, now, trace)
        if explain:
            trace.notes["says"] = trace.says
        return result(found, partial(recalled_to_json, explain=explain), trace)

    def _carried_out(self, understood: Understood, request: Sentence) -> Result[Any]:
        if understood.intent is Intent.PERFORMANCE:
            return self.stats()
        if understood.intent is Intent.REMEMBER:
            memory = NewMemory(content=understood.text, kind=request.kind, user=request.user)
            return self.remember([memory], explain=request.explain)
        now = self._now()
        question = Question(
            understood.text,
            self._access.kinds(request.kind),
            self._access.where(Filter(user=request.user).where(now)),
            request.limit or understood.limit(self._settings.limit),
            by_meaning=understood.intent is Intent.SIMILAR,
        )
        return self._recalled(question, now, explain=request.explain)

    def _seen(self, service: MemoryService, ids: Sequence[UUID]) -> Sequence[Memory]:
        """These memories, forgotten ones included.

        Raises:
            NotFound: one is not there, or not for the caller to see: which of these is not said.
        """
        known = service.records.queries.get(ids)
        for id_ in ids:
            memory = known.get(id_)
            if memory is None or not self._access.sees(memory):
                raise NotFound(f"no memory {id_}", "a list shows what there is")
        return [known[id_] for id_ in ids]


def _to_cursor(id_: UUID) -> str:
    """An opaque word for the place behind a memory; it grants nothing."""
    return base64.urlsafe_b64encode(id_.bytes).decode().rstrip("=")


def _from_cursor(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise InvalidInput("not a cursor", "give next_cursor of the page before") from None
