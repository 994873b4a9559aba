"""One run of one job in the cloud: begin or take up, follow, fetch; and let go when it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.cloud_errors import CredentialsRefused, OutcomeUnknown, ProviderUnreachable
from qie_desktop.core.errors import QieError, StorageError
from qie_desktop.engines.base import Unfinished
from qie_desktop.engines.replicate.creating import create, find
from qie_desktop.engines.replicate.fetching import fetch
from qie_desktop.engines.replicate.following import cancel_remotely, follow
from qie_desktop.engines.replicate.patience import OutOfPatience, Patience
from qie_desktop.engines.replicate.predictions import Prediction, Status
from qie_desktop.engines.replicate.rate_limit import RateLimit
from qie_desktop.engines.replicate.refusals import Refusal

if TYPE_CHECKING:
    from qie_desktop.engines.replicate.cloud_job import CloudJob

_log = logging.getLogger(__name__)

_REPEATS_WHEN_BROKEN = 1
"""A failed prediction may have been billed: once more by itself, then it is for the person to say."""
_REPEATS_WHEN_ABORTED = 3


async def run(job: CloudJob) -> None:
    """Make and save the pictures of a job, or take up where an earlier run has stopped.

    Raises JobCancelled, QieError, or Unfinished where the prediction is there and can be finished later.
    """
    if job.is_complete:
        return
    try:
        await _run(job)
    except JobCancelled:
        await _let_go(job)
        raise
    except OutOfPatience as error:
        raise _out_of_reach(job) from error
    except Refusal as refusal:
        problem = refusal.as_error(job.spec.name)
        if job.prediction_id is not None and isinstance(problem, CredentialsRefused):
            raise Unfinished(problem) from refusal
        raise problem from refusal
    except StorageError as error:
        if job.prediction_id is not None:
            raise Unfinished(error) from error
        raise


async def _run(job: CloudJob) -> None:
    prediction = await _begun(job)
    while True:
        prediction = await follow(job, job.prediction_id or "", prediction)
        if prediction.predict_seconds is not None:
            job.task.measure("predict_seconds", prediction.predict_seconds)
        if prediction.status is Status.SUCCEEDED and (prediction.outputs or prediction.data_removed):
            break
        if not _is_worth_repeating(job, prediction):
            raise prediction.failure(job.spec.name)
        _log.info("Job %s: once more after %s: %s", job.task.job_id, prediction.status, prediction.error)
        await job.patience.pause(job.repeats)
        job.note_repeat()
        prediction = await create(job)
    if prediction.billed_images is not None:
        job.task.measure("billed_images", prediction.billed_images)
    await fetch(job, prediction)


async def _begun(job: CloudJob) -> Prediction | None:
    """Return a prediction that was just made or found; None where the id was on disk already."""
    if job.prediction_id is not None:
        return None
    if job.creating_since is None:
        return await create(job)
    # Cut off while one was being made.
    async with job.twins:
        found = await find(job, job.patience)
    if found is None:
        job.note_not_created()
        raise OutcomeUnknown(
            "This job was cut off while it was being sent, and nothing of it is found at Replicate. "
            "It was probably not begun.",
            "See replicate.com/predictions if you want to be sure, then run it again.",
        )
    return found


def _is_worth_repeating(job: CloudJob, prediction: Prediction) -> bool:
    if prediction.status is Status.ABORTED:
        return job.repeats < _REPEATS_WHEN_ABORTED
    return prediction.failed_by_providers_fault and job.repeats < _REPEATS_WHEN_BROKEN


async def _let_go(job: CloudJob) -> None:
    """Cancel what runs at Replicate; keep its pictures where it came through: they are paid for."""
    # What was waited for the answer to a create comes out of the same few seconds.
    limit_s = job.options.settle_s * (1.0 if job.prediction_id is not None else 0.75)
    patience = Patience(CancelToken(), RateLimit(), time.monotonic() + limit_s)
    calm = job.with_patience(patience)
    with contextlib.suppress(OutOfPatience, Refusal, QieError, Unfinished, TimeoutError):
        async with asyncio.timeout(limit_s):
            if calm.prediction_id is None:
                await find(calm, patience)
            if calm.prediction_id is not None:
                ended = await cancel_remotely(calm, calm.prediction_id, patience)
                if ended.status is Status.SUCCEEDED:
                    await fetch(calm, ended)
                return
    if calm.prediction_id is not None or calm.creating_since is not None:
        _log.warning("Job %s: it is not certain that Replicate has cancelled it.", job.task.job_id)


def _out_of_reach(job: CloudJob) -> Unfinished | ProviderUnreachable:
    if job.prediction_id is None and job.creating_since is None:
        return ProviderUnreachable(
            "Replicate could not be reached; nothing was sent.", "Check the connection, and try again."
        )
    return Unfinished(
        ProviderUnreachable(
            "Replicate could not be reached for a long time; the job may go on there.",
            "Finish it with Retry or `qie jobs resume`: it costs nothing more.",
        )
    )
