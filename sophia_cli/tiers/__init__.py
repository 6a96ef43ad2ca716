"""The tiers, each behind a Protocol of `memory.ports`; they do not know each other."""
