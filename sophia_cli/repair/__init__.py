"""Repair: what the records say is right is done to the points and the caches.

Nothing is mended from another replica, and the records are not changed. What they have lost is
exported, never deleted.
"""
