"""The logs of a home: how events are written, bounded on the disk, read again and chosen."""
