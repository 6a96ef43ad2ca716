"""The kinds of memory; it imports nothing."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The two memories that are kept apart: technical matter and the company's business."""

    CODING = "coding"
    BUSINESS = "business"


KINDS: tuple[Kind, ...] = tuple(Kind)
