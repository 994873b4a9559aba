"""Submitting: from a request to a job on disk."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import ImageTooLarge, StorageError
from qie_desktop.core.request import check_input_sizes
from qie_desktop.imaging.formats import MAX_PIXELS
from qie_desktop.imaging.opening import open_picture
from qie_desktop.services.result_size import result_size
from qie_desktop.services.spending import estimated_cost_usd
from qie_desktop.storage.prompt_history import PromptHistory

if TYPE_CHECKING:
    from qie_desktop.core.job import Job
    from qie_desktop.core.request import Request
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings

_log = logging.getLogger(__name__)


def submit(store: JobStore, settings: Settings, request: Request) -> Job:
    """Check the inputs, put the job on disk, queued and held by this process, and return it.

    Every input is decoded in full, so that a damaged one is found before anything is spent: call it off the
    GUI thread. The prompt becomes the newest of the history, the model the last one used. Raises
    InputImageError naming the file, StorageError or DiskFull; then no job is left behind.
    """
    spec = find_model(request.model_id)
    infos = [open_picture(path).info for path in request.inputs]
    sizes = [info.size for info in infos]
    check_input_sizes(spec, [path.name for path in request.inputs], sizes)
    canvas = result_size(request, spec, sizes)
    if canvas is not None and canvas.area_px > MAX_PIXELS:
        raise ImageTooLarge(
            "images",
            f"Side by side these pictures make a canvas of {canvas} px, which is too large.",
            "Scale one of them, or use them as references (combine=references).",
        )
    job = store.create(request, spec, infos, estimated_cost_usd(request, spec, settings))
    try:
        PromptHistory(store.data_folder.prompts).add(request.prompt)
        settings.set("general.last_model", spec.id)
        settings.save()
    except StorageError as error:
        # The job stands; what is merely handy the next time must not undo it.
        _log.warning("The prompt or the model could not be noted: %s", error)
    return job
