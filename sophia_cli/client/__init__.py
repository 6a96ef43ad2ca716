"""The Python client: one interface to a memory in this process, in the resident one, over HTTP.

`calls` says what is asked, once for all; `in_process` and `http` carry it; `sync` and
`asynchronous` are what a program holds in its hands.
"""

from sophia_cli.client.asynchronous import AsyncSophia
from sophia_cli.client.result import Result
from sophia_cli.client.sync import Sophia

__all__ = ["AsyncSophia", "Result", "Sophia"]
