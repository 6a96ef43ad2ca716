"""Made-up conversations: those of `sophia bench`, so that both measure on the same texts."""

from sophia_cli.bench.texts import questions, turns

__all__ = ["questions", "turns"]
