"""Other memories and stores on the same conversations: one file each, see `registry`."""
