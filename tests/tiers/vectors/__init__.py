"""The vector tier: both implementations against one contract, and each against its own risks."""
