"""Following a prediction to its end, and cancelling it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from qie_desktop.core.cloud_errors import ResultExpired
from qie_desktop.core.events import PhaseName
from qie_desktop.engines.replicate.patience import OutOfPatience
from qie_desktop.engines.replicate.predictions import Prediction, Status
from qie_desktop.engines.replicate.refusals import Refusal
from qie_desktop.engines.replicate.wire import Unanswered

if TYPE_CHECKING:
    from qie_desktop.engines.replicate.cloud_job import CloudJob
    from qie_desktop.engines.replicate.patience import Patience

_GROWTH = 1.25


async def follow(job: CloudJob, prediction_id: str, first: Prediction | None = None) -> Prediction:
    """Look at a prediction until it has ended, telling how far it is, and return it as it ended.

    `first` is what is known already. Raises JobCancelled, OutOfPatience, ResultExpired or a Refusal.
    """
    began = time.monotonic()
    pause = job.wire.poll_interval_s
    prediction = first
    while True:
        if prediction is not None:
            _tell(job, prediction, time.monotonic() - began)
            if prediction.status.has_ended:
                return prediction
            if time.monotonic() + pause >= job.patience.deadline:
                raise OutOfPatience
            await job.patience.wait(pause)
            pause = min(pause * _GROWTH, job.options.max_poll_s)
        prediction = await look_up(job, prediction_id)


async def look_up(job: CloudJob, prediction_id: str) -> Prediction:
    """Return a prediction as it is now. Raises JobCancelled, OutOfPatience, ResultExpired or a Refusal."""
    try:
        return await job.patience.ask(lambda: _looked_up(job, prediction_id))
    except Refusal as refusal:
        if not refusal.is_missing:
            raise
        raise ResultExpired(
            "Replicate does not know this job any more.",
            "Run it again. If the token is of another account than before, set the former one first.",
        ) from refusal


async def cancel_remotely(job: CloudJob, prediction_id: str, patience: Patience) -> Prediction:
    """Cancel a prediction and return how it ended: it may have come through all the same.

    Raises OutOfPatience where that is not known in time, or a Refusal. It ends by itself in any case, when
    the time that was sent with it is up.
    """
    document = await patience.ask(lambda: job.wire.post(f"/v1/predictions/{prediction_id}/cancel"))
    with contextlib.suppress(ValueError):
        ended = Prediction.of(document)
        if ended.status.has_ended:
            return ended
    while True:
        # The state may lag behind.
        await patience.pause(0)
        ended = await patience.ask(lambda: _looked_up(job, prediction_id))
        if ended.status.has_ended:
            return ended


async def _looked_up(job: CloudJob, prediction_id: str) -> Prediction:
    try:
        return Prediction.of(await job.wire.get(f"/v1/predictions/{prediction_id}"))
    except ValueError as error:
        raise Unanswered("no prediction") from error


def _tell(job: CloudJob, prediction: Prediction, seconds: float) -> None:
    if prediction.status is Status.STARTING:
        cold = seconds >= job.options.cold_after_s
        job.tell(PhaseName.WAITING, detail="this can take minutes" if cold else "")
    elif prediction.status is Status.PROCESSING:
        job.tell(PhaseName.RUNNING, prediction.fraction)
