"""Checks: what doctor and health look at, one file a subject."""
