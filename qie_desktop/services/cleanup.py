"""Disk use of the jobs, and making room: a plan first, then, on a person's word, the deed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.errors import ErrorInfo, JobNotFound, JobStateError, StorageError
from qie_desktop.core.job import JobState, now
from qie_desktop.storage.legacy_metadata import LegacyJob

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore


@dataclass(frozen=True, slots=True)
class JobUsage:
    """A job and the bytes in its folder; `active`: a living process has it queued or runs it."""

    job: Job
    byte_count: int
    active: bool

    @property
    def starred(self) -> bool:
        """Whether any of its results is starred."""
        return is_starred(self.job)

    @property
    def legacy(self) -> bool:
        """Whether it is of the earlier web version, and so never cleaned up."""
        return isinstance(self.job, LegacyJob)


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """What goes and what stays, newest first."""

    goes: tuple[JobUsage, ...]
    stays: tuple[JobUsage, ...]

    @property
    def byte_count(self) -> int:
        """The room that will be made."""
        return sum(usage.byte_count for usage in self.goes)


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What went, the bytes that are free again, and the jobs that could not be deleted, each with why."""

    deleted: tuple[str, ...]
    byte_count: int
    failed: tuple[tuple[str, ErrorInfo], ...]


def disk_usage(store: JobStore) -> tuple[JobUsage, ...]:
    """Return the use of every job that can be read, newest first. Touches every file's entry: not quick."""
    return tuple(_usage(store, job) for job in store.list())


def plan_cleanup(
    usages: Iterable[JobUsage],
    older_than: timedelta | None = None,
    *,
    include_starred: bool = False,
    at: datetime | None = None,
) -> CleanupPlan:
    """Plan which jobs go: those that ended longer ago than `older_than`, or all where that is None.

    Never one that is queued or runs, nor one of the earlier web version; a starred one only on request.
    """
    at = at or now()
    goes: list[JobUsage] = []
    stays: list[JobUsage] = []
    for usage in usages:
        ended = usage.job.finished_at or usage.job.created_at
        kept = (
            usage.active
            or usage.legacy
            or (usage.starred and not include_starred)
            or (older_than is not None and at - ended <= older_than)
        )
        (stays if kept else goes).append(usage)
    return CleanupPlan(tuple(goes), tuple(stays))


def execute_cleanup(store: JobStore, plan: CleanupPlan) -> CleanupResult:
    """Delete for good what the plan says, but for what has been starred or taken up in the meantime."""
    starred_then = {usage.job.job_id for usage in plan.goes if usage.starred}
    deleted: list[str] = []
    failed: list[tuple[str, ErrorInfo]] = []
    freed = 0
    for usage in plan.goes:
        job_id = usage.job.job_id
        try:
            if job_id not in starred_then:
                _refuse_starred(store.load(job_id))
            store.delete([job_id])
        except JobNotFound:
            continue
        except (JobStateError, StorageError) as error:
            failed.append((job_id, error.info()))
        else:
            deleted.append(job_id)
            freed += usage.byte_count
    return CleanupResult(tuple(deleted), freed, tuple(failed))


def _usage(store: JobStore, job: Job) -> JobUsage:
    folder = store.data_folder.jobs / job.job_id
    # Only an unfinished job can be held: ten thousand finished ones need no look at their locks.
    unfinished = job.state in {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING, JobState.INTERRUPTED}
    return JobUsage(job, _byte_count(folder), unfinished and store.claims.held_by_anyone(folder))


def _byte_count(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        return 0


def _refuse_starred(job: Job) -> None:
    if is_starred(job):
        raise JobStateError(f"Job {job.job_id} has been starred.", "Take the star away first.")


def is_starred(job: Job) -> bool:
    """Whether any of a job's results is starred."""
    return any(output.starred for output in job.outputs)
