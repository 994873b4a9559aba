"""Running a job again: a new job from the request of an old one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qie_desktop.core.request import build_request
from qie_desktop.services.submit import submit

if TYPE_CHECKING:
    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings


def retry(store: JobStore, settings: Settings, job_id: str, *, new_seed: bool = False) -> Job:
    """Submit the request of a job again, over its stored inputs, and return the new job.

    The request is checked anew: the model may have changed since. Raises JobNotFound, JobDamaged, and all
    that `build_request` and `submit` raise.
    """
    old = store.load(job_id)
    options = {
        name: value for name, value in old.request.parameters().items() if not (new_seed and name == "seed")
    }
    request = build_request(old.request.model_id, old.request.prompt, old.request.inputs, options)
    job = submit(store, settings, request)
    if not old.inputs:
        return job
    return store.update(
        job.job_id,
        lambda current: replace(
            current,
            inputs=tuple(
                replace(new, source_name=before.source_name)
                for new, before in zip(current.inputs, old.inputs, strict=True)
            ),
        ),
    )
