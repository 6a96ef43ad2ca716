"""At which epoch each slot's row may be found: a number a slot, so that a search can mask rows."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from sophia_cli.tiers.gpu_cache.slots import Slots

_HIDDEN = 0
_EPOCHS = 1024


class Marks:
    """Rows are hidden until they are shown at an epoch. Its owner takes care of the locks."""

    def __init__(self, capacity: int) -> None:
        self._of = np.zeros(capacity, np.int64)
        self._numbers: dict[Hashable, int] = {}
        self._next = _HIDDEN + 1
        self._most = _EPOCHS

    def show(self, slots: Slots, epoch: Hashable) -> None:
        """Lets the rows in `slots` be found at `epoch`, and at no other."""
        number = self._numbers.get(epoch)
        if number is None:
            self._forget_epochs()
            number = self._numbers[epoch] = self._next
            self._next += 1
        self._of[slots] = number

    def hide(self, slots: Slots) -> None:
        """Lets the rows in `slots` be found no more."""
        self._of[slots] = _HIDDEN

    def is_shown(self, slot: int, epoch: Hashable) -> bool:
        """Whether the row in `slot` may be found at `epoch`."""
        return bool(self._of[slot] == self._numbers.get(epoch, -1))

    def shown(self, slots: NDArray[np.intp], epoch: Hashable) -> NDArray[np.bool_]:
        """Which of the rows in `slots` may be found at `epoch`."""
        shown: NDArray[np.bool_] = self._of[slots] == self._numbers.get(epoch, -1)
        return shown

    def hidden(self, count: int, epoch: Hashable) -> NDArray[np.bool_]:
        """Which of the first `count` rows may not be found at `epoch`."""
        hidden: NDArray[np.bool_] = self._of[:count] != self._numbers.get(epoch, -1)
        return hidden

    def epochs(self) -> dict[int, Hashable]:
        """The epochs by their numbers."""
        return {number: epoch for epoch, number in self._numbers.items()}

    def numbers(self, slots: NDArray[np.intp]) -> NDArray[np.int64]:
        """The numbers of the epochs of `slots`; 0 where a row is hidden."""
        return self._of[slots]

    def _forget_epochs(self) -> None:
        """Every write makes an epoch: those without a row are forgotten now and then."""
        if len(self._numbers) < self._most:
            return
        used = set(np.unique(self._of).tolist())
        self._numbers = {epoch: at for epoch, at in self._numbers.items() if at in used}
        self._most = max(_EPOCHS, 2 * len(self._numbers))
