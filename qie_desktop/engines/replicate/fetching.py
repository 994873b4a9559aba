"""Fetching what a prediction has made: at once, whole, and each picture for itself."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx
from PIL import Image

from qie_desktop.core.cloud_errors import ProviderError, ResultExpired
from qie_desktop.core.errors import InputImageError, QieError
from qie_desktop.core.events import PhaseName
from qie_desktop.engines.base import EngineResult, Unfinished
from qie_desktop.engines.replicate.following import look_up
from qie_desktop.engines.replicate.patience import OutOfPatience, until_cancelled
from qie_desktop.imaging.formats import HEAD_BYTES, format_of
from qie_desktop.imaging.opening import open_picture
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from qie_desktop.engines.replicate.cloud_job import CloudJob
    from qie_desktop.engines.replicate.predictions import Prediction

_log = logging.getLogger(__name__)

_TRIES = 6
_REDIRECTS = 5
_MAX_BYTES = 200_000_000
_GONE = frozenset({401, 403, 404, 410})
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "AVIF": ".avif", "GIF": ".gif"}


class _BadFile(Exception):
    """What came is not the whole picture; it may be asked for again."""


class _Gone(Exception):
    """There is nothing at this address (any more)."""


async def fetch(job: CloudJob, prediction: Prediction) -> None:
    """Fetch and save every picture that is not saved yet; what goes wrong with one does not stop the others.

    Raises JobCancelled; ResultExpired where the provider has deleted them; Unfinished where it may still work
    later: out of reach, or no room on the disk.
    """
    if prediction.data_removed or not prediction.outputs:
        raise _expired()
    count = len(prediction.outputs)
    job.note_outputs(count)
    problems: list[QieError] = []
    for index in range(count):
        if index in job.task.saved:
            continue
        job.tell(PhaseName.DOWNLOADING, index / count, f"{index + 1} of {count}" if count > 1 else "")
        try:
            prediction = await _fetch_one(job, prediction, index)
        except QieError as error:
            _log.warning("Job %s: picture %d: %s", job.task.job_id, index, error)
            problems.append(error)
    expired = [problem for problem in problems if isinstance(problem, ResultExpired)]
    if expired:
        raise expired[0]
    if problems:
        raise Unfinished(problems[0])


async def _fetch_one(job: CloudJob, prediction: Prediction, index: int) -> Prediction:
    """Save one picture; return the prediction, which may have been asked for anew."""
    path = job.task.folder / f"download_{index}"
    gone = 0
    for attempt in range(_TRIES):
        try:
            with atomic.temporary(path) as (part, file):
                await until_cancelled(_download(job, prediction.outputs[index], file), job.cancel)
                file.close()
                await asyncio.to_thread(_save, job, part, index)
        except _Gone as error:
            gone += 1
            fresh = await look_up(job, prediction.id)
            if fresh.data_removed or index >= len(fresh.outputs) or gone == _TRIES // 2:
                raise _expired() from error
            prediction, last = fresh, error
        except (_BadFile, httpx.HTTPError) as error:
            last = error
        else:
            return prediction
        _log.info("Job %s: download %d failed: %r", job.task.job_id, index, last)
        if attempt < _TRIES - 1:
            try:
                await job.patience.pause(attempt, last)
            except OutOfPatience:
                break
    raise ProviderError(
        "The picture is made, but it could not be downloaded whole.",
        "Check the connection, then finish it with Retry or `qie jobs resume`: it costs nothing more.",
    )


async def _download(job: CloudJob, url: str, file: BinaryIO) -> None:
    """Write what is at `url` to a file. Raises _Gone, _BadFile or httpx.HTTPError."""
    if url.startswith("data:"):
        file.write(_from_data_uri(url))
        return
    headers = job.wire.authorization(url)
    for _ in range(_REDIRECTS + 1):
        _check_scheme(job, url)
        # Once the way has left the API's own host, the token is not sent again, wherever it leads.
        headers = headers and job.wire.authorization(url)
        async with job.wire.plain.stream("GET", url, headers=headers, follow_redirects=False) as response:
            if response.has_redirect_location:
                url = urljoin(url, response.headers["location"])
                continue
            if response.status_code in _GONE:
                raise _Gone(response.status_code)
            if response.is_error:
                raise _BadFile(response.status_code)
            await _write(response, file)
            return
    raise _BadFile("redirected in circles")


async def _write(response: httpx.Response, file: BinaryIO) -> None:
    head, written = b"", 0
    async for chunk in response.aiter_bytes():
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        written += len(chunk)
        if written > _MAX_BYTES:
            raise _BadFile("too large")
        file.write(chunk)
    length = response.headers.get("content-length", "")
    if length.isdecimal() and "content-encoding" not in response.headers and int(length) != written:
        raise _BadFile(f"{written} of {length} bytes")
    if format_of(head) is None:
        raise _BadFile("no picture")


def _save(job: CloudJob, part: Path, index: int) -> None:
    """Decode a picture in full, and save it with the provider's own bytes. Raises _BadFile or QieError."""
    try:
        picture = open_picture(part)
    except InputImageError as error:
        raise _BadFile(error.message) from error
    image = picture.rgb
    if picture.alpha is not None:
        image = Image.merge("RGBA", (*picture.rgb.split(), picture.alpha))
    suffix = _SUFFIXES.get(picture.info.format, f".{picture.info.format.lower()}")
    with atomic.mapped_errors(part, "read"):
        data = part.read_bytes()
    job.task.save(EngineResult(index, image, data, suffix))


def _check_scheme(job: CloudJob, url: str) -> None:
    """Nothing but https, or http too where the API itself is reached by it. Raises _BadFile."""
    scheme = urlsplit(url).scheme.lower()
    if scheme != "https" and not (scheme == "http" and not job.wire.is_encrypted):
        raise _BadFile(f"an address that begins with {scheme}:")


def _from_data_uri(uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise _BadFile("a data URI that cannot be read") from error


def _expired() -> ResultExpired:
    return ResultExpired(
        "Replicate has deleted the result; it keeps results for an hour.", "Run it again; it costs again."
    )
