"""Replicate's API over the wire: the official client, with what it hides brought out.

The client (replicate 1.0.7) retries some requests by itself for as long as a header says, drops the headers
of refusals and leaves environment proxies out. All three are settled in the transport that it is given here:
refusals are raised there, before it sees them, and the connection is made by a plain httpx client, which
knows `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE`.

What goes wrong is told by whether it may be repeated: `NotSent` certainly had no effect, `Unanswered` may
have had one, a `Refusal` is an answer. All three stay within `engines.replicate`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

import httpx

from qie_desktop import __version__
from qie_desktop.engines.replicate.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = dict[str, Any]

TIMEOUT = httpx.Timeout(30.0, connect=10.0, pool=30.0)
_DEFAULT_BASE_URL = "https://api.replicate.com"
_HEADERS = {"User-Agent": f"qwen-image-editor/{__version__}"}
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class _Request(Protocol):
    async def __call__(self, method: str, path: str, **options: Any) -> httpx.Response: ...


class NotSent(Exception):
    """The request did not reach the server."""


class Unanswered(Exception):
    """The request may have reached the server, but no answer came that makes sense."""


class Wire:
    """One account's connection to the API. Belongs to one event loop; end it with `close`."""

    def __init__(self, token: str, base_url: str | None = None) -> None:
        from replicate.client import Client  # noqa: PLC0415 - slow to import

        base = base_url or os.environ.get("REPLICATE_BASE_URL") or _DEFAULT_BASE_URL
        self.plain = httpx.AsyncClient(timeout=TIMEOUT, headers=_HEADERS)
        """A client without the token, for files that lie elsewhere."""
        self._origin = _origin(base)
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._clock = _Clock()
        self._client = Client(
            token,
            base_url=base,
            timeout=TIMEOUT,
            transport=_Transport(self.plain, self._clock),
            headers=_HEADERS | self._authorization,
        )
        self._request: _Request = self._client._async_request  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]

    @property
    def poll_interval_s(self) -> float:
        """The pause between two looks at a prediction, at first: `REPLICATE_POLL_INTERVAL`, or 0.5 s."""
        return self._client.poll_interval

    @property
    def is_encrypted(self) -> bool:
        """Whether the API is reached by https, so that nothing less will do for its files."""
        return self._origin[0] == "https"

    def server_time(self) -> datetime:
        """Return the time by the server's clock, as far as its answers have told; by our own until then."""
        return self._clock.now()

    def authorization(self, url: str) -> Mapping[str, str]:
        """Return the headers with the token where `url` is of the API's own host, and none elsewhere."""
        return self._authorization if _origin(url) == self._origin else {}

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> JSON:
        """Ask for a document. Raises NotSent, Unanswered or Refusal."""
        return await self._ask("GET", path, params=params)

    async def post(
        self,
        path: str,
        json: JSON | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> JSON:
        """Send a document and return the answer. Raises NotSent, Unanswered or Refusal."""
        extra: JSON = {} if timeout_s is None else {"timeout": httpx.Timeout(timeout_s)}
        return await self._ask("POST", path, json=json, headers=headers, **extra)

    async def upload(self, name: str, data: bytes, media_type: str) -> JSON:
        """Send a file and return what the API tells of it. Raises NotSent, Unanswered or Refusal."""
        return await self._ask("POST", "/v1/files", files={"content": (name, data, media_type)})

    async def close(self) -> None:
        """Close all connections."""
        await self.plain.aclose()

    async def _ask(self, method: str, path: str, **options: Any) -> JSON:
        try:
            # The public calls have no time-outs, and drop headers.
            response = await self._request(method, path, **options)
        except _NOT_SENT as error:
            raise NotSent(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise Unanswered(type(error).__name__) from error
        try:
            document: object = response.json()
        except ValueError as error:
            raise Unanswered("no JSON") from error
        if not isinstance(document, dict) or response.is_redirect:
            raise Unanswered("no document")
        return cast("JSON", document)


@dataclass(slots=True)
class _Clock:
    """How far the server's clock is ahead of ours."""

    ahead_s: float = 0.0

    def set_by(self, date: str | None) -> None:
        try:
            told = parsedate_to_datetime(date or "")
        except ValueError:
            return
        if told.tzinfo is not None:
            self.ahead_s = (told - datetime.now(UTC)).total_seconds()

    def now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.ahead_s, UTC)


class _Transport(httpx.AsyncBaseTransport):
    """Sends through another client, and raises refusals before anybody can lose or repeat them."""

    def __init__(self, through: httpx.AsyncClient, clock: _Clock) -> None:
        self._through = through
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request. Raises Refusal for one of 400 or above."""
        response = await self._through.send(request, stream=True, follow_redirects=False)
        self._clock.set_by(response.headers.get("date"))
        if not response.is_error:
            return response
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        raise Refusal.of(response.status_code, response.headers, body)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port
