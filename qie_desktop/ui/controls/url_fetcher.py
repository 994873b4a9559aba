"""Fetching a picture from the web, within limits of size, time and where a redirect may lead."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.core.errors import InputImageError
from qie_desktop.storage.atomic import mapped_errors
from qie_desktop.ui.controls.fetch_limits import MB, FetchLimits

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from qie_desktop.core.cancel import CancelToken

_SCHEMES = frozenset({"http", "https"})
_NAME_CHARS = 80
_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/tiff": ".tiff",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
}
_SAVE_IT = "Save the picture in the browser, and drop the file."


def fetch_picture(url: str, folder: Path, cancel: CancelToken, limits: FetchLimits | None = None) -> Path:
    """Fetch what is at an http(s) address into a new folder below `folder`; return the file.

    Blocks for at most `limits.seconds`, or until `cancel` is set: off the GUI thread. Whether it is a picture
    is not looked at. Raises InputImageError saying why not, JobCancelled, StorageError or DiskFull.
    """
    return asyncio.run(_fetch(url, folder, cancel, limits or FetchLimits()))


async def _fetch(url: str, folder: Path, cancel: CancelToken, limits: FetchLimits) -> Path:
    fetching = asyncio.create_task(_fetch_within(url, limits))
    watching = asyncio.create_task(cancel.wait_async(limits.seconds + 1))
    done, _ = await asyncio.wait({fetching, watching}, return_when=asyncio.FIRST_COMPLETED)
    for task in (fetching, watching):
        task.cancel()
    await asyncio.gather(fetching, watching, return_exceptions=True)
    if fetching not in done:
        raise JobCancelled
    data, name = fetching.result()
    path = folder / secrets.token_hex(4) / name
    with mapped_errors(path, "write"):
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return path


async def _fetch_within(url: str, limits: FetchLimits) -> tuple[bytes, str]:
    import httpx  # noqa: PLC0415 - slow to import, and most sessions fetch nothing

    host = urlsplit(url).hostname or url
    try:
        async with (
            asyncio.timeout(limits.seconds),
            httpx.AsyncClient(timeout=limits.seconds, event_hooks={"response": [_check_redirect]}) as client,
        ):
            for _ in range(limits.redirects + 1):
                _check_scheme(url, host)
                async with client.stream("GET", url, headers={"Accept": "image/*,*/*;q=0.5"}) as response:
                    if not response.has_redirect_location:
                        return await _body(response, host, limits), _file_name(url, response)
                    url = urljoin(url, response.headers["location"])
    except (TimeoutError, httpx.TimeoutException) as error:
        raise _refusal(
            f"{host} took longer than {limits.seconds:g} s.", "Try again, or save it first."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _refusal(f"{host} could not be reached.", "Check the connection, or save it first.") from error
    raise _refusal(f"{host} redirects in circles.", _SAVE_IT)


async def _body(response: httpx.Response, host: str, limits: FetchLimits) -> bytes:
    if response.is_error:
        raise _refusal(f"{host} answered {response.status_code} instead of a picture.", _SAVE_IT)
    if response.headers.get("content-type", "").startswith("text/html"):
        raise _refusal(f"That is a web page of {host}, not a picture.", "Drag the picture itself.")
    too_large = _refusal(f"The picture at {host} is larger than {limits.max_bytes / MB:g} MB.", _SAVE_IT)
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.max_bytes:
        raise too_large
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > limits.max_bytes:
            raise too_large
    return bytes(data)


async def _check_redirect(response: httpx.Response) -> None:
    """Look at where a redirect leads before httpx does: it would merely find some schemes invalid."""
    if response.has_redirect_location:
        url = str(response.request.url)
        _check_scheme(urljoin(url, response.headers["location"]), response.request.url.host)


def _check_scheme(url: str, host: str) -> None:
    scheme = urlsplit(url).scheme.lower()
    if scheme not in _SCHEMES:
        raise _refusal(f"{host} points to a “{scheme}:” address, which is not followed.", _SAVE_IT)


def _file_name(url: str, response: httpx.Response) -> str:
    """Return a harmless file name after the address, with a suffix."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    name = re.sub(r"[^\w.\- ]+", "_", last)[-_NAME_CHARS:].strip(" ._") or "picture"
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    suffix = _SUFFIXES.get(media_type, "")
    return name if "." in name else name + suffix


def _refusal(message: str, hint: str) -> InputImageError:
    return InputImageError("images", message, hint)
