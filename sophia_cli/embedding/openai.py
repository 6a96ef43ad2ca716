"""Any endpoint that speaks OpenAI's `/v1/embeddings`: TEI, vLLM, Ollama, OpenAI itself.

What it answers is checked before it is believed: how many vectors, how long, all finite. Neither
proxies from the environment nor redirects are followed: what is embedded is a memory, and it goes
to the configured host or nowhere.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from sophia_cli.correlation import headers
from sophia_cli.embedding.unit import unit
from sophia_cli.errors import ConfigurationError, Refused, TextRefused, TierDown
from sophia_cli.tiers.breaker import LOOK, Breaker

# Also how long a refused connection is tried again: nobody is there, and waiting rarely helps.
_CONNECT_SECONDS = 3.0
# A batch of 32 vectors of 4096 numbers is some 3 MB of JSON.
_MOST_BYTES = 64 * 1024 * 1024
_BACK_OFF = wait_random_exponential(multiplier=0.2, max=5.0)


class _Passing(Exception):
    """A failure that may be gone in a moment.

    Attributes:
        after: what the server asked for before the next attempt, seconds.
        within: how long it is worth trying again, seconds.
    """

    def __init__(self, cause: str, after: float = 0.0, within: float = math.inf) -> None:
        super().__init__(cause)
        self.after = after
        self.within = within


class OpenAIEmbedder:
    """An `Embedder` over HTTP.

    The dimension is what the endpoint's vectors have: learned from the first answer, then the same
    for ever. Connection errors, 429 and 5xx are retried within `timeout` (a refused connection for
    3 s), nothing else is. Then calls fail at once, and one at a time looks whether it is back.

    Args:
        url: the base address (`https://embeddings.example.com/v1`) or the endpoint itself.
        model: its name for the endpoint, and the name stored with every memory.
        api_key: sent as a bearer token.
        dimension: the length of a vector that is expected; None takes what the model gives.
        stored: asked for that length before it is taken from the model; None where nobody knows.
        batch_size: texts in one request; TEI takes 32 at most unless told otherwise.
        timeout: seconds that one batch may take, with its retries.

    Raises:
        ConfigurationError: `url` or `api_key` cannot be used.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str | None = None,
        dimension: int | None = None,
        stored: Callable[[], int | None] = lambda: None,
        batch_size: int = 32,
        timeout: float = 30.0,
    ) -> None:
        self.model = model
        self._url = _endpoint(url)
        self._host = self._url.netloc.decode()
        self._dimension = dimension
        self._stored = stored
        self._answered = False
        self._breaker = Breaker(self._down)
        self._batch_size = batch_size
        self._timeout = timeout
        self._client = httpx.Client(
            headers=_headers(api_key),
            # Without proxies and netrc, but with the certificates that SSL_CERT_FILE names.
            trust_env=False,
            verify=httpx.create_ssl_context(trust_env=True),
            follow_redirects=False,
        )

    @property
    def dimension(self) -> int:
        """The length of a vector; asks the endpoint when nothing has told it yet."""
        if self._dimension is None:
            return int(self.embed(["dimension"]).shape[1])
        return self._dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns float32, (len(texts), dimension), L2-normalised, in the order of `texts`.

        Raises:
            TierDown: the endpoint cannot be reached, refuses, or answers what is no embedding;
                `TextRefused` where one of the texts may be the cause.
            Refused: its vectors have another length than expected, and always had.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        if self._breaker.enter():
            self._batch(["?"], min(LOOK, self._timeout))
        batches = [
            self._batch(list(texts[start : start + self._batch_size]), self._timeout)
            for start in range(0, len(texts), self._batch_size)
        ]
        return np.concatenate(batches)

    def close(self) -> None:
        """Closes every connection."""
        self._client.close()

    def _batch(self, texts: list[str], seconds: float) -> NDArray[np.float32]:
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=lambda state: _is_in_vain(state, seconds),
            wait=_pause,
            reraise=True,
        )
        try:
            answer = retrying(self._ask, texts, time.monotonic() + seconds, seconds)
        except _Passing as error:
            raise self._breaker.failed(str(error)) from error
        self._breaker.passed()
        vectors = self._vectors(answer, len(texts))
        self._check_length(vectors.shape[1])
        return unit(vectors)

    def _check_length(self, given: int) -> None:
        """Learns the length of a vector, unless somebody knows what it must be.

        Raises:
            TierDown: it is another one than in earlier answers.
            Refused: it is not what is expected.
        """
        expected = self._dimension or self._stored() or given
        if given != expected:
            fault = f"gives vectors of {given} numbers, {expected} are expected"
            if self._answered:
                raise self._down(fault, "it gave others before")
            raise Refused(
                f"embedding: {self.model} at {self._host} {fault}",
                "set embedding.dimension and embedding.model to what this memory was made with",
            )
        self._dimension, self._answered = expected, True

    def _ask(self, texts: list[str], deadline: float, seconds: float) -> Any:
        """One request: the decoded JSON of its answer."""
        if self._client.is_closed:
            raise self._down("closed")
        left = max(0.01, deadline - time.monotonic())
        body = {"model": self.model, "input": texts, "encoding_format": "float"}
        timeout = httpx.Timeout(left, connect=min(left, _CONNECT_SECONDS))
        content = bytearray()
        try:
            with self._client.stream(
                "POST", self._url, json=body, headers=headers(), timeout=timeout
            ) as response:
                self._check_status(response)
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        raise self._down(f"an answer of over {_MOST_BYTES >> 20} MiB")
                    if time.monotonic() > deadline:
                        raise self._breaker.failed(f"no complete answer within {seconds:g} s")
        except httpx.TimeoutException as error:
            raise _Passing(f"no answer within {seconds:g} s") from error
        except httpx.ConnectError as error:
            raise _Passing(str(error) or "no connection", within=_CONNECT_SECONDS) from error
        except httpx.TransportError as error:
            raise _Passing(str(error) or type(error).__name__) from error
        except httpx.DecodingError as error:
            raise self._down("the answer's compression is damaged") from error
        try:
            return json.loads(content)
        except ValueError as error:
            raise self._down("the answer is not JSON", _CHECK_URL) from error

    def _check_status(self, response: httpx.Response) -> None:
        """Raises unless it is 200. Bodies are not quoted: they may hold what was sent."""
        status = response.status_code
        if status == httpx.codes.OK:
            return
        cause = f"answered {status} {response.reason_phrase}".rstrip()
        if status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise _Passing(cause, _retry_after(response))
        if response.is_redirect:
            raise self._down(f"{cause}; redirects are not followed", _CHECK_URL)
        hint = _HINTS.get(status, "its own log says more")
        if status in _OF_THE_TEXT:
            raise TextRefused("embedding", f"{self._host}: {cause}", hint)
        raise self._down(cause, hint)

    def _vectors(self, answer: Any, count: int) -> NDArray[np.float32]:
        """The vectors of an answer in the order of the texts: float32, (count, dim), as given."""
        try:
            items = answer["data"]
            rows: dict[int, Any] = {
                int(item.get("index", place)): item["embedding"] for place, item in enumerate(items)
            }
            if len(items) != count or sorted(rows) != list(range(count)):
                raise self._down(f"{len(items)} vectors for {count} texts")
            with np.errstate(over="ignore"):  # what overflows is found to be infinite below
                vectors = np.array([rows[place] for place in range(count)], dtype=np.float32)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._down("the answer holds no embeddings", _CHECK_URL) from error
        if vectors.ndim != 2 or not vectors.shape[1]:
            raise self._down("the answer holds no embeddings", _CHECK_URL)
        if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
            raise self._down("a vector is zero or not finite")
        return vectors

    def _down(self, cause: str, hint: str = "is the embedding server up?") -> TierDown:
        return TierDown("embedding", f"{self._host}: {cause}", hint)


_CHECK_URL = "check embedding.url"
_OF_THE_TEXT = (400, 413, 422)
_HINTS = {
    400: "a text may be too long for the model: let the server truncate",
    401: "check embedding.api_key_file",
    403: "check embedding.api_key_file",
    404: "check embedding.url and embedding.model",
    413: "lower embedding.batch_size, or let the server truncate",
    422: "lower embedding.batch_size, or let the server truncate",
}


def _pause(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the server asked for, else a jittered back-off."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, _Passing) else 0.0
    return max(asked, _BACK_OFF(state))


def _is_in_vain(state: RetryCallState, seconds: float) -> bool:
    """Whether another attempt would begin after `seconds`, or after what this failure is worth."""
    error = state.outcome.exception() if state.outcome else None
    within = min(seconds, error.within) if isinstance(error, _Passing) else seconds
    return (state.seconds_since_start or 0.0) + state.upcoming_sleep >= within


def _retry_after(response: httpx.Response) -> float:
    """The header's seconds; 0 without one or for a date, which the back-off covers."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0


def _endpoint(given: str) -> httpx.URL:
    """The address of `/embeddings` under a base address."""
    hint = "a base address is meant, such as https://embeddings.example.com/v1"
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL:
        raise ConfigurationError("embedding.url is not an address", hint) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError("embedding.url is not an HTTP address", hint)
    if url.userinfo:
        raise ConfigurationError(
            "embedding.url holds a user or password", "put the key in embedding.api_key_file"
        )
    path = url.path.rstrip("/") or "/v1"
    return url.copy_with(path=path if path.endswith("/embeddings") else f"{path}/embeddings")


def _headers(api_key: str | None) -> dict[str, str]:
    if api_key is None:
        return {}
    # Checked here, because the HTTP library's own message would quote the key.
    if not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key != ""):
        raise ConfigurationError(
            "the embedding endpoint's API key holds a space, a line break or no text at all",
            "the file of embedding.api_key_file holds the key and nothing else",
        )
    return {"Authorization": f"Bearer {api_key}"}
