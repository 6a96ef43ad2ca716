"""How candidates become an order: named signals, normalised over the candidates and summed."""

from sophia_cli.memory.ranking.rank import Ranked, rank, signals_of
from sophia_cli.memory.ranking.signals import NAMES
from sophia_cli.memory.ranking.weights import Weights, checked, shipped

__all__ = ["NAMES", "Ranked", "Weights", "checked", "rank", "shipped", "signals_of"]
