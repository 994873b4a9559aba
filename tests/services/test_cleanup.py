from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from PIL import Image

from qie_desktop.core.job import Job, JobState, now
from qie_desktop.services.cleanup import disk_usage, execute_cleanup, plan_cleanup
from qie_desktop.storage.job_files import NewOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.storage.job_store import JobStore


def finished(store: JobStore, job: Job, hours_ago: float = 0, *, starred: bool = False) -> Job:
    store.write_output(job, NewOutput(0, Image.new("RGB", (64, 64))))
    at = now() - timedelta(hours=hours_ago)
    job = store.update(
        job.job_id, lambda job: job.moved_to(JobState.RUNNING, at).moved_to(JobState.SUCCEEDED, at)
    )
    store.claims.drop(store.folder(job.job_id))
    return store.star(job.job_id, starred=True) if starred else job


def ids(store: JobStore) -> set[str]:
    return {path.name for path in store.data_folder.jobs.iterdir()}


def test_usage_counts_every_byte_of_a_job(store: JobStore, make: Callable[..., Job]) -> None:
    job = finished(store, make())
    (usage,) = disk_usage(store)
    assert usage.byte_count == sum(path.stat().st_size for path in store.folder(job.job_id).iterdir())
    assert usage.byte_count > 0
    assert not usage.active


def test_hours_choose_the_older_ones(store: JobStore, make: Callable[..., Job]) -> None:
    old, young = finished(store, make(), hours_ago=30), finished(store, make(), hours_ago=2)
    plan = plan_cleanup(disk_usage(store), timedelta(hours=24))
    assert [usage.job.job_id for usage in plan.goes] == [old.job_id]
    assert [usage.job.job_id for usage in plan.stays] == [young.job_id]
    assert ids(store) == {old.job_id, young.job_id}
    result = execute_cleanup(store, plan)
    assert result.deleted == (old.job_id,)
    assert result.byte_count == plan.byte_count > 0
    assert result.failed == ()
    assert ids(store) == {young.job_id}


def test_running_starred_and_legacy_jobs_stay(store: JobStore, make: Callable[..., Job]) -> None:
    running, starred, plain = make(), finished(store, make(), starred=True), finished(store, make())
    legacy = store.data_folder.jobs / "old-1"
    legacy.mkdir()
    Image.new("RGB", (8, 8)).save(legacy / "output_0.png")
    (legacy / "metadata.json").write_text('{"output_images": ["output_0.png"]}')
    execute_cleanup(store, plan_cleanup(disk_usage(store)))
    assert ids(store) == {running.job_id, starred.job_id, "old-1"}
    assert plain.job_id not in ids(store)
    execute_cleanup(store, plan_cleanup(disk_usage(store), include_starred=True))
    assert ids(store) == {running.job_id, "old-1"}


def test_what_was_starred_after_the_plan_stays(store: JobStore, make: Callable[..., Job]) -> None:
    job = finished(store, make())
    plan = plan_cleanup(disk_usage(store))
    store.star(job.job_id, starred=True)
    result = execute_cleanup(store, plan)
    assert result.deleted == ()
    assert [(job_id, error.code) for job_id, error in result.failed] == [(job.job_id, "job_state")]
    assert ids(store) == {job.job_id}


def test_what_runs_again_after_the_plan_stays(store: JobStore, make: Callable[..., Job]) -> None:
    job, gone = finished(store, make()), finished(store, make())
    plan = plan_cleanup(disk_usage(store))
    store.delete([gone.job_id])
    assert store.claims.take(store.folder(job.job_id))
    result = execute_cleanup(store, plan)
    assert [job_id for job_id, _ in result.failed] == [job.job_id]
    assert ids(store) == {job.job_id}
