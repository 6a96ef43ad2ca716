"""Calls over HTTP, on connections that are used again: one loop for threads, one for tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx

from sophia_cli import correlation
from sophia_cli.client.calls import Call
from sophia_cli.client.place import Place
from sophia_cli.client.problems import envelope_of


class Http:
    """Calls, one after the other or from many threads."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._claimed = False
        transport = httpx.HTTPTransport(verify=_certificates(), uds=place.socket)
        self._client = httpx.Client(transport=transport, **place.settings)

    def send(self, call: Call[Any]) -> Mapping[str, Any]:
        """The envelope of the answer; raises what the server says."""
        if not self._claimed:
            self.place.claim()
            self._claimed = True
        request = _request(self._client, call)
        attempt = 0
        while True:
            try:
                return envelope_of(self._client.send(request))
            except httpx.TransportError as error:
                pause = self.place.pause(error, call, attempt)
                if isinstance(error, httpx.ConnectError):
                    self.place.arrive()
            attempt += 1
            time.sleep(pause)

    def close(self) -> None:
        """Closes every connection."""
        self._client.close()

    def __repr__(self) -> str:
        return repr(self.place.name)


class AsyncHttp:
    """Calls of an event loop."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._claimed = False
        transport = httpx.AsyncHTTPTransport(verify=_certificates(), uds=place.socket)
        self._client = httpx.AsyncClient(transport=transport, **place.settings)

    async def send(self, call: Call[Any]) -> Mapping[str, Any]:
        """The envelope of the answer; raises what the server says."""
        if not self._claimed:
            await asyncio.to_thread(self.place.claim)
            self._claimed = True
        request = _request(self._client, call)
        attempt = 0
        while True:
            try:
                return envelope_of(await self._client.send(request))
            except httpx.TransportError as error:
                pause = self.place.pause(error, call, attempt)
                if isinstance(error, httpx.ConnectError):
                    await asyncio.to_thread(self.place.arrive)
            attempt += 1
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.aclose()

    def __repr__(self) -> str:
        return repr(self.place.name)


def _request(client: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    return client.build_request(
        call.method,
        call.path,
        params=list(call.query) or None,
        json=call.body,
        headers={**call.headers, **correlation.headers()},
    )


def _certificates() -> Any:
    return httpx.create_ssl_context(trust_env=True)
