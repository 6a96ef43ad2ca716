"""The domain: what a memory is, and the service that remembers, recalls and forgets."""
