"""At start: what became of jobs whose process is gone, and which of them can be finished.

A job belongs to whoever holds the lock in its folder (see `storage.job_folders`): so a job that another
living process has queued or runs is never touched, and one whose process was killed is free at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import (
    JobDamaged,
    JobInterrupted,
    JobNotFound,
    JobStateError,
    QieError,
    StorageError,
)
from qie_desktop.core.job import JobState
from qie_desktop.core.model import Place
from qie_desktop.storage import atomic, job_folders
from qie_desktop.storage.legacy_metadata import LegacyJob

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore

_log = logging.getLogger(__name__)

_UNFINISHED = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING, JobState.INTERRUPTED)
_CLOUD_IDS = frozenset(spec.id for spec in CATALOGUE if spec.place is Place.CLOUD)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Jobs that are interrupted as of now, those of all interrupted that can be resumed, what was swept."""

    interrupted: tuple[Job, ...]
    resumable: tuple[Job, ...]
    swept: tuple[Path, ...]


def recover(store: JobStore) -> Recovery:
    """Note on disk what became of jobs that no living process holds, and sweep what killed ones left behind.

    Queued and running jobs become interrupted; one that was being cancelled becomes cancelled, as its person
    wished. A cloud job with something remembered can be resumed: it has been paid for. It is interrupted on
    disk until `run_job` takes it up. Nothing is resumed here. Raises StorageError where the index cannot be
    used.
    """
    jobs = store.data_folder.jobs
    swept = job_folders.sweep(jobs)
    for folder in store.data_folder.swept:
        swept += atomic.sweep_leftovers(folder)
    interrupted: list[Job] = []
    resumable: list[Job] = []
    for listed in store.list(states=_UNFINISHED):
        before = listed.state
        try:
            swept += atomic.sweep_leftovers(store.folder(listed.job_id))
            job = _settled(store, listed)
        except (JobNotFound, JobDamaged, StorageError) as error:
            _log.warning("Job %s could not be recovered: %s", listed.job_id, error)
            continue
        if job is None or job.state is not JobState.INTERRUPTED:
            continue
        if before is not JobState.INTERRUPTED:
            interrupted.append(job)
        if can_resume(job):
            resumable.append(job)
    return Recovery(tuple(interrupted), tuple(resumable), tuple(swept))


def can_resume(job: Job) -> bool:
    """Whether an interrupted job can be taken up where it was: by what its engine has remembered."""
    return job.state is JobState.INTERRUPTED and _is_elsewhere(job)


def take_up(store: JobStore, job_id: str) -> Job:
    """Hold an interrupted job for this process and return it: `run_job` finishes it, and lets go of it.

    Raises JobStateError where a process has taken it up already, or where it cannot be resumed.
    """
    folder = store.folder(job_id)
    if store.claims.holds(job_id) or not store.claims.take(folder):
        raise JobStateError(f"Job {job_id} is being run already.", "Wait until that has ended.")
    try:
        # As it is now that nobody else can change it: another process may just have finished it.
        job = store.load(job_id)
        if not can_resume(job):
            raise JobStateError(
                f"Job {job_id} is {job.state}: there is nothing to resume.",
                f"Run it again with `qie jobs retry {job_id}`.",
            )
    except QieError:
        store.claims.drop(folder)
        raise
    return job


def _is_elsewhere(job: Job) -> bool:
    return any(job.remote.values()) and job.request.model_id in _CLOUD_IDS


def _settled(store: JobStore, listed: Job) -> Job | None:
    """Return the job as it is on disk from now on, or None where a living process holds it."""
    folder = store.folder(listed.job_id)
    if isinstance(listed, LegacyJob) or store.claims.held_by_anyone(folder) or not store.claims.take(folder):
        return None
    try:
        job = store.load(listed.job_id)
        if job.state in {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING}:
            return store.update(job.job_id, _ended)
        return job
    finally:
        store.claims.drop(folder)


def _ended(job: Job) -> Job:
    if job.state is JobState.CANCELLING:
        return job.moved_to(JobState.CANCELLED)
    paid = _is_elsewhere(job)
    error = JobInterrupted(
        "The program ended before this job did.",
        "It is still with the provider: finish it with `qie jobs resume`." if paid else "Run it again.",
    )
    return job.moved_to(JobState.INTERRUPTED, error=error.info())
