"""The GPU tier: answers in this process, and vectors in the memory of a GPU (or of this machine).

Nothing in it is the only copy of anything. So it never raises for want of memory or for a broken
device: it shrinks or goes without its vectors, says so in its stats, and everything misses.
"""

from sophia_cli.tiers.gpu_cache.answers import Answers
from sophia_cli.tiers.gpu_cache.cache import GpuCache, Nearest
from sophia_cli.tiers.gpu_cache.readings import Readings, readings
from sophia_cli.tiers.gpu_cache.rescoring import mmr, rescore
from sophia_cli.tiers.gpu_cache.rows import Rows
from sophia_cli.tiers.gpu_cache.settings import Settings
from sophia_cli.tiers.gpu_cache.stats import Figures, Stats

__all__ = [
    "Answers",
    "Figures",
    "GpuCache",
    "Nearest",
    "Readings",
    "Rows",
    "Settings",
    "Stats",
    "mmr",
    "readings",
    "rescore",
]
