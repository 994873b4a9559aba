"""Making a prediction, so that none is ever paid for twice.

The rule: what certainly had no effect is repeated; what may have had one is looked for, and taken over where
it is found. That a create is about to happen stands on disk before it, and its outcome after it: a process
that is killed in between looks for the prediction when it comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from qie_desktop.core.cloud_errors import OutcomeUnknown, ProviderUnreachable
from qie_desktop.core.events import PhaseName
from qie_desktop.engines.replicate.model_input import model_input, plain_input
from qie_desktop.engines.replicate.patience import Patience, until_cancelled
from qie_desktop.engines.replicate.pictures_out import picture_out
from qie_desktop.engines.replicate.predictions import Prediction
from qie_desktop.engines.replicate.refusals import Refusal
from qie_desktop.engines.replicate.wire import NotSent, Unanswered

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from qie_desktop.engines.replicate.cloud_job import CloudJob

JSON = dict[str, Any]

_log = logging.getLogger(__name__)

_NOT_SENT_TRIES = 3
_LOOKS = 4
"""A prediction that was just made may take a moment to be listed."""
_SKEW = timedelta(seconds=5)
_PAGES = 5


async def create(job: CloudJob) -> Prediction:
    """Make the job's prediction, its id on disk; return it, or the one that a lost create has made.

    Raises JobCancelled, OutOfPatience, ProviderUnreachable, OutcomeUnknown, or what a refusal means.
    """
    body = {"input": await _input(job)}
    async with job.twins:
        return await _create(job, body)


async def find(job: CloudJob, patience: Patience) -> Prediction | None:
    """Return the prediction that a create of unknown outcome has made, or None; its id is on disk then.

    Raises OutOfPatience where the API cannot be asked, and JobCancelled.
    """
    since = job.creating_since
    if since is None:
        return None
    for look in range(_LOOKS):
        if look:
            await patience.wait(job.options.settle_s / _LOOKS * look)
        for prediction in await _newest(job, patience, since - _SKEW):
            if _is_ours(job, prediction):
                job.note_created(prediction.id)
                _log.info("Job %s: prediction %s was found again", job.task.job_id, prediction.id)
                return prediction
    return None


async def _create(job: CloudJob, body: JSON) -> Prediction:
    not_sent = 0
    while True:
        if job.patience.limit.wait_s > 0:
            job.tell(PhaseName.WAITING, detail="Replicate asks to wait")
        await job.patience.limit.turn(job.cancel)
        job.cancel.raise_if_cancelled()
        # The time of the last try: what was made before it was made by somebody else.
        job.note_creating()
        try:
            prediction = await _posted(job, body)
        except NotSent as error:
            not_sent += 1
            job.note_not_created()
            if not_sent == _NOT_SENT_TRIES:
                raise ProviderUnreachable(
                    "Replicate could not be reached; nothing was sent.",
                    "Check the connection (and HTTPS_PROXY, where there is a proxy), and try again.",
                ) from error
            await job.patience.pause(not_sent - 1, error)
        except Refusal as refusal:
            if refusal.is_server_error:
                return await _looked_for(job)
            job.note_not_created()
            if not refusal.is_throttled:
                raise
            job.patience.limit.throttled(refusal.wait_s)
            await job.patience.pause(0, refusal)
        except Unanswered:
            return await _looked_for(job)
        else:
            job.note_created(prediction.id)
            return prediction


async def _posted(job: CloudJob, body: JSON) -> Prediction:
    """Send the create, and wait for its answer a little longer even when the job is cancelled."""
    minutes = max(1, round(job.options.deadline.total_seconds() / 60))
    posting = asyncio.ensure_future(
        job.wire.post(
            f"/v1/models/{job.cloud.owner}/{job.cloud.name}/predictions",
            json=body,
            headers={"Cancel-After": f"{minutes}m"},
            timeout_s=job.options.create_s,
        )
    )
    watching = asyncio.ensure_future(job.cancel.wait_async(job.options.create_s + job.options.settle_s))
    try:
        await asyncio.wait({posting, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not posting.done():
            await asyncio.wait({posting}, timeout=job.options.settle_s / 4)
        if not posting.done():
            raise Unanswered("cancelled")
        return Prediction.of(posting.result())
    except ValueError as error:
        raise Unanswered("no prediction") from error
    finally:
        for task in (posting, watching):
            task.cancel()
        await asyncio.gather(posting, watching, return_exceptions=True)


async def _looked_for(job: CloudJob) -> Prediction:
    job.cancel.raise_if_cancelled()
    job.tell(PhaseName.WAITING, detail="Replicate did not answer; looking for the job there")
    found = await find(job, job.patience)
    if found is None:
        job.note_not_created()
        raise OutcomeUnknown(
            "Replicate did not answer, and nothing of this job is found there. It was probably not begun.",
            "See replicate.com/predictions if you want to be sure, then run it again.",
        )
    return found


async def _newest(job: CloudJob, patience: Patience, since: datetime) -> list[Prediction]:
    """Return the account's predictions since then, the oldest first."""
    found: list[Prediction] = []
    path = "/v1/predictions"
    for _ in range(_PAGES):
        here = path
        page = await patience.ask(lambda here=here: job.wire.get(here))
        results: object = page.get("results")
        for item in cast("list[JSON]", results) if isinstance(results, list) else []:
            with contextlib.suppress(ValueError, TypeError):
                prediction = Prediction.of(item)
                if prediction.created_at is None or prediction.created_at < since:
                    return found[::-1]
                found.append(prediction)
        following = urlsplit(str(page.get("next") or ""))
        if not following.path:
            break
        # The path alone: the token goes to no other host.
        path = f"{following.path}?{following.query}"
    return found[::-1]


def _is_ours(job: CloudJob, prediction: Prediction) -> bool:
    if prediction.model != f"{job.cloud.owner}/{job.cloud.name}" or job.is_taken(prediction.id):
        return False
    # What the provider has dropped or added since does not matter.
    sent = plain_input(job.request, job.spec, job.cloud, frozenset(prediction.input))
    return "prompt" in sent and all(prediction.input[name] == value for name, value in sent.items())


async def _input(job: CloudJob) -> JSON:
    known = await until_cancelled(job.schemas.input_names(job.cloud, job.wire), job.cancel)
    pictures: list[str] = []
    paths = job.request.inputs
    for index, path in enumerate(paths):
        job.tell(PhaseName.UPLOADING, index / len(paths))
        pictures.append(await _uri(job, path, index))
    return model_input(job.request, job.spec, job.cloud, pictures, known)


async def _uri(job: CloudJob, path: Path, index: int) -> str:
    """Return what stands for a picture in a prediction's input: itself, or the address of its upload."""
    picture = await asyncio.to_thread(picture_out, path, index, job.cloud.image_formats)
    job.cancel.raise_if_cancelled()
    if picture.is_small:
        return picture.data_uri()

    async def uploaded() -> str:
        # Costs nothing, so it may be done twice.
        document = await job.wire.upload(picture.name, picture.data, picture.media_type)
        urls: object = document.get("urls")
        address = cast("JSON", urls).get("get") if isinstance(urls, dict) else None
        if not isinstance(address, str):
            raise Unanswered("an upload without an address")
        return address

    return await job.patience.ask(uploaded)
