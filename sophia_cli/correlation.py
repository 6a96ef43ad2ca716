"""Which request this is: one id from the command through every tier, in each line of its log.

A face binds it around the work of a request (`with request():`); whoever gives a part of that work
to another thread carries it there (`carried`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HEADER = "X-Request-Id"
"""The header of HTTP that carries it."""

_LONGEST = 128
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+/=-")
_bound: ContextVar[str | None] = ContextVar("sophia_request", default=None)


@contextlib.contextmanager
def request(given: str | None = None) -> Iterator[str]:
    """Everything in the block belongs to one request; yields its id.

    Args:
        given: the id that the caller knows it by, taken if it is up to 128 letters, digits and
            `._~+/=-`. Without one, that of the request around this one, or a new one of 16 hex
            digits.
    """
    token = _bound.set(given if _is_plain(given) else _bound.get() or new())
    try:
        yield _bound.get() or ""
    finally:
        _bound.reset(token)


def new() -> str:
    """An id that no request has: 16 hex digits."""
    return os.urandom(8).hex()


def current() -> str | None:
    """The id of the request that this belongs to; None outside of any."""
    return _bound.get()


def headers() -> dict[str, str]:
    """What tells a server which request this is for; empty outside of any."""
    bound = _bound.get()
    return {} if bound is None else {HEADER: bound}


def carried(work: Callable[P, T]) -> Callable[P, T]:
    """`work`, for another thread, as a part of the request that this belongs to."""
    return partial(copy_context().run, work)


def _is_plain(given: str | None) -> bool:
    return given is not None and 0 < len(given) <= _LONGEST and _PLAIN.issuperset(given)
