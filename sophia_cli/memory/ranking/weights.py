"""How much each signal counts: the weights that ship with sophia, and those an operator fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from sophia_cli.memory.ranking.signals import NAMES

SHIPPED = "shipped"
"""The name of the weights that come with sophia."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight for each signal, and where they come from.

    Attributes:
        name: `shipped`, or what the operator's own are stored as.
        of: signal -> weight; a signal that is not named counts for nothing.
        provenance: what they were fitted on, when, and which figures they reach.
        vector: the weights in the order of `NAMES`: float32, (len(NAMES),), not to be changed.
        digest: 16 hex digits: the same for the same weights.
    """

    name: str
    of: Mapping[str, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    # Made once: every question asks for both.
    vector: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        vector = np.array([self.of.get(name, 0.0) for name in NAMES], np.float32)
        vector.flags.writeable = False
        object.__setattr__(self, "vector", vector)
        object.__setattr__(self, "digest", hashlib.sha256(vector.tobytes()).hexdigest()[:16])


@cache
def shipped() -> Weights:
    """The weights in weights.yaml beside this file; read once a process.

    Raises:
        ValueError: it names a signal that is not there.
    """
    table = yaml.safe_load(files(__package__).joinpath("weights.yaml").read_text("utf-8"))
    return checked(SHIPPED, table["weights"], table["provenance"])


def checked(name: str, of: Mapping[str, float], provenance: Mapping[str, Any]) -> Weights:
    """Weights as they were stored.

    Raises:
        ValueError: a signal is not known, or a weight is no finite number.
    """
    if unknown := sorted(set(of) - set(NAMES)):
        raise ValueError(f"weights {name}: no signal is called {unknown[0]}")
    if not all(np.isfinite(weight) for weight in of.values()):
        raise ValueError(f"weights {name}: not finite")
    return Weights(name, {signal: float(weight) for signal, weight in of.items()}, provenance)
