"""Gates: what must be shown before the next step is taken, one file each."""
