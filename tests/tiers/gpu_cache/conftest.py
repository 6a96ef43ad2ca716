from __future__ import annotations

import pytest

from sophia_cli.tiers.gpu_cache import Rows
from sophia_cli.tiers.gpu_cache.devices import opener
from sophia_cli.tiers.gpu_cache.slab import Opener

from .slabs import DIMENSION

CAPACITY = 100


@pytest.fixture(params=["numpy", "cpu"], ids=["numpy", "torch-cpu"])
def slabs(request: pytest.FixtureRequest) -> Opener:
    """Both libraries; torch where it is installed."""
    if request.param != "numpy":
        pytest.importorskip("torch", reason="the extra gpu is not installed")
    return opener(request.param)


@pytest.fixture
def rows(slabs: Opener) -> Rows:
    """Room for 100 rows of 8."""
    rows = Rows(CAPACITY * slabs.row_bytes(DIMENSION))
    rows.open(slabs, DIMENSION)
    return rows
