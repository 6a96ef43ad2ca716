"""sophia: one command line that stands up, runs and uses a hybrid memory.

Importing this package costs nothing: the thin client (`__main__`) runs on every command and may
load the standard library only.
"""

__version__ = "0.1.0"
