"""One file per command: parse, call, render. No logic and no I/O of its own."""
