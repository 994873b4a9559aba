"""Running a job again: finishing it where it was cut off and is paid for, else a new job of its request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qie_desktop.core.errors import JobStateError
from qie_desktop.core.request import build_request
from qie_desktop.services.recovery import can_resume, take_up
from qie_desktop.services.submit import submit

if TYPE_CHECKING:
    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings


def resumes(job: Job, *, new_seed: bool = False) -> bool:
    """Whether running a job again finishes it, at no further cost, rather than making a new one."""
    return can_resume(job) and not new_seed


def retry_or_resume(store: JobStore, settings: Settings, job_id: str, *, new_seed: bool = False) -> Job:
    """Return what is to be run where a person wants a job again, held by this process.

    That is the job itself, interrupted, where it can be resumed: nobody pays twice. Else, or with another
    seed, it is a new job, queued. Raises JobStateError for a cloud job that has not ended, wherever it runs,
    and all that `retry` raises.
    """
    old = store.load(job_id)
    if resumes(old, new_seed=new_seed):
        return take_up(store, old.job_id)
    if not new_seed and old.cost_usd and store.claims.held_by_anyone(store.folder(old.job_id)):
        raise JobStateError(
            f"Job {old.job_id} has not ended: the same would be paid for twice.",
            "Wait until it has ended, or run it with another seed (--new-seed).",
        )
    return retry(store, settings, old.job_id, new_seed=new_seed)


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
