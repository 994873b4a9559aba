"""Running a cloud job again: what is paid for is finished, by one process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qie_desktop.core.errors import JobStateError
from qie_desktop.core.job import Job, JobState
from qie_desktop.services.recovery import recover, take_up
from qie_desktop.services.retry import resumes, retry_or_resume
from qie_desktop.storage.job_store import JobStore
from tests.services.test_recovery import left_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.settings import Settings


@pytest.fixture
def paid(store: JobStore, make: Callable[..., Job]) -> Job:
    left_behind(store, make("qwen-image-edit"), JobState.RUNNING, remote={"prediction": "p"})
    [job] = recover(store).resumable
    return job


@pytest.fixture
def elsewhere(folder: DataFolder) -> Iterator[JobStore]:
    """The same jobs, as another process has them."""
    store = JobStore(folder)
    yield store
    store.close()


def test_what_is_paid_for_is_held_to_be_finished(store: JobStore, settings: Settings, paid: Job) -> None:
    assert resumes(paid)
    assert retry_or_resume(store, settings, paid.job_id) == paid
    assert store.claims.holds(paid.job_id)
    assert store.count() == 1


def test_with_another_seed_it_is_a_new_job(store: JobStore, settings: Settings, paid: Job) -> None:
    assert not resumes(paid, new_seed=True)
    new = retry_or_resume(store, settings, paid.job_id, new_seed=True)
    assert new.job_id != paid.job_id
    assert new.state is JobState.QUEUED
    assert not store.claims.holds(paid.job_id)


def test_what_has_ended_becomes_a_new_job(
    store: JobStore, settings: Settings, make: Callable[..., Job]
) -> None:
    done = left_behind(store, make("qwen-image-edit"), JobState.RUNNING, JobState.SUCCEEDED)
    local = left_behind(store, make(), JobState.RUNNING, JobState.INTERRUPTED, remote={"prediction": "p"})
    for old in (done, local):
        assert retry_or_resume(store, settings, old.job_id).state is JobState.QUEUED


def test_only_one_takes_a_job_up(store: JobStore, elsewhere: JobStore, settings: Settings, paid: Job) -> None:
    retry_or_resume(store, settings, paid.job_id)
    for other in (store, elsewhere):
        with pytest.raises(JobStateError, match="being run already"):
            take_up(other, paid.job_id)
        with pytest.raises(JobStateError):
            retry_or_resume(other, settings, paid.job_id)
    assert store.count() == 1


def test_a_cloud_job_that_has_not_ended_is_not_paid_for_twice(
    store: JobStore, elsewhere: JobStore, settings: Settings, make: Callable[..., Job]
) -> None:
    running, free = make("qwen-image-edit"), make()
    store.update(running.job_id, lambda job: job.moved_to(JobState.RUNNING))
    for other in (store, elsewhere):
        with pytest.raises(JobStateError, match="has not ended"):
            retry_or_resume(other, settings, running.job_id)
    assert retry_or_resume(store, settings, running.job_id, new_seed=True).job_id != running.job_id
    assert retry_or_resume(store, settings, free.job_id).job_id != free.job_id


def test_what_was_finished_meanwhile_is_let_go_again(store: JobStore, paid: Job) -> None:
    store.update(paid.job_id, lambda job: job.moved_to(JobState.RUNNING).moved_to(JobState.SUCCEEDED))
    with pytest.raises(JobStateError, match="nothing to resume"):
        take_up(store, paid.job_id)
    assert not store.claims.held_by_anyone(store.folder(paid.job_id))
