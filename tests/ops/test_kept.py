"""Where a cluster's things are, and that they are their owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sophia_cli.errors import Refused
from sophia_cli.home import Home
from sophia_cli.ops.inventory.model import Cluster
from sophia_cli.ops.kept import Kept


def test_a_cluster_has_a_directory_of_its_own_in_a_home_that_stays_usable(home: Path) -> None:
    kept = Kept.of(Home(home), Cluster(name="east")).prepare()
    assert kept.journal.parent == kept.releases.parent == kept.root == home / "clusters" / "east"
    for each in (kept.root, kept.secrets, kept.releases):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    Home(home).prepare()


def test_secrets_are_where_the_inventory_says(home: Path, tmp_path: Path) -> None:
    kept = Kept.of(Home(home), Cluster(secrets_dir=tmp_path / "mine")).prepare()
    assert kept.secrets == tmp_path / "mine" and kept.secrets.is_dir()
    assert not (kept.root / "secrets").exists()


def test_a_directory_that_others_may_open_is_refused(home: Path) -> None:
    kept = Kept.of(Home(home), Cluster()).prepare()
    kept.root.chmod(0o755)
    with pytest.raises(Refused, match="others may open it"):
        kept.prepare()
