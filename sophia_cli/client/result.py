"""What a call comes back with: its values, and how they came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Sequence[T], Generic[T]):
    """A sequence of values.

    Attributes:
        data: the values.
        degraded: what could not be done as it should, a line each; empty when all is well.
        trace: `served_by`, `tiers_ms`, `request` (the id by which the logs know it), and more.
        complete: False where a part is still to be done: a tier has yet to erase its part.
        next_cursor: where the next page of a list begins; None at its end.
    """

    data: tuple[T, ...]
    degraded: tuple[str, ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict, compare=False)
    complete: bool = True
    next_cursor: str | None = None

    @property
    def one(self) -> T:
        """The only value.

        Raises:
            ValueError: there is none, or more than one.
        """
        [value] = self.data
        return value

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...

    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        return self.data[place]
