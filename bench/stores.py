"""Stores for benchmarks: those of `sophia bench`, a real service on real engines."""

from sophia_cli.bench.store import MadeUp, fresh_home, fresh_service

__all__ = ["MadeUp", "fresh_home", "fresh_service"]
