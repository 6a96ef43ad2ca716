"""A recipe: everything that a deployment is made from, today's files or those of a release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sophia_cli
from sophia_cli.config.files import read_small_file
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.inventory.reading import ReadInventory, read_kept_inventory
from sophia_cli.ops.playbooks.playbook import Playbook
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.release import Inputs, Opened

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """An inventory and the playbooks that are done with it.

    Attributes:
        text: of the inventory's file.
        source: where that file is, or was when the release was made.
        playbooks: all phases, in their order.
    """

    inventory: Inventory
    text: bytes
    source: Path
    sources: Sources
    playbooks: list[Playbook]

    @classmethod
    def of(cls, read: ReadInventory) -> Recipe:
        """Today's.

        Raises:
            ConfigurationError: the playbooks cannot be used; all mistakes at once.
        """
        sources = Sources.of(read.inventory.cluster.playbooks_dir)
        text = read_small_file(read.path, _LARGEST)
        return cls(
            read.inventory,
            text,
            read.path,
            sources,
            read_playbooks(sources, Vocabulary.known()),
        )

    @classmethod
    def of_release(cls, opened: Opened) -> Recipe:
        """That of a release.

        Raises:
            ConfigurationError: this version of sophia cannot read it any more.
        """
        sources = Sources.of_release(opened.playbooks_dir)
        text = read_small_file(opened.inventory, _LARGEST)
        read = read_kept_inventory(opened.inventory, opened.release.source.parent)
        return cls(
            read.inventory,
            text,
            opened.release.source,
            sources,
            read_playbooks(sources, Vocabulary.known()),
        )

    def inputs(self) -> Inputs:
        """What a release keeps of it."""
        read = {name: text.encode() for name, text in self.sources.everything().items()}
        return Inputs(self.text, self.source, read, sophia_cli.__version__)
