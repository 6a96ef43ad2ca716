"""What `sophia ingest` reads: files, folders and streams, each turned into drafts of memories."""

from sophia_cli.reading.formats import Format
from sophia_cli.reading.item import BadLine, Given, Item
from sophia_cli.reading.read import read_path, read_stream

__all__ = ["BadLine", "Format", "Given", "Item", "read_path", "read_stream"]
