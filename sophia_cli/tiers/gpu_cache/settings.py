"""What the GPU tier is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """Which device, how many bytes, and what for.

    Attributes:
        device: `auto` (a GPU that torch sees, otherwise NumPy), one of torch's (`cpu`, `cuda:1`,
            `mps`), or `numpy`.
        vector_bytes: the slab, in bytes of device memory: 64 MiB are 43,690 rows of 384 float32.
        answer_bytes: the answers, in bytes of this process's memory.
        answers: answers to repeated questions are kept.
        vectors: vectors of recent questions (beside the answers) and of hot memories are kept;
            without them there is no semantic lookup either.
        rescoring: candidates may be scored against the rows (`GpuCache.similarity`).
    """

    device: str = "auto"
    vector_bytes: int = 64 * _MIB
    answer_bytes: int = 64 * _MIB
    answers: bool = True
    vectors: bool = True
    rescoring: bool = True
