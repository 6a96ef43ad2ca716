"""The resident process: runs commands for the thin client."""
