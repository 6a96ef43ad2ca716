"""What takes its time elsewhere is begun first: hosts and peers answer while the memory opens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import partial

from sophia_cli.background import begun
from sophia_cli.checks.check import Check
from sophia_cli.checks.scene import Scene
from sophia_cli.errors import SophiaError


def begin(scene: Scene, checks: Iterable[Check]) -> None:
    """Asks what these checks will ask of hosts and of Qdrant's peers; nobody is waited for.

    What goes wrong is for the checks to say: whoever asks `Scene.once` later is told the same.
    """
    subjects = {check.subject for check in checks}
    with contextlib.suppress(SophiaError):
        if "HO" in subjects and scene.inventory is not None:
            from sophia_cli.checks.hosts.told import begin_to_ask

            begin_to_ask(scene)
    if "QD" in subjects:
        from sophia_cli.checks.qdrant.sources import hearing

        begun(partial(hearing, scene), "peers")
