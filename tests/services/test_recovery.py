from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from qie_desktop.core.job import Job, JobState
from qie_desktop.services.recovery import can_resume, recover

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.job_store import JobStore

HOLDER = """
import sys, time
from pathlib import Path
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.job import JobState
from qie_desktop.core.request import build_request
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
store = JobStore(DataFolder.at(Path(sys.argv[1]), {}))
spec = find_model("starter")
job = store.create(build_request(spec.id, "held", [Path(sys.argv[2])]), spec)
store.update(job.job_id, lambda job: job.moved_to(JobState.RUNNING))
print(job.job_id, flush=True)
time.sleep(60)
"""


@contextmanager
def other_process(folder: DataFolder, photo: Path) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """Start a process that holds a running job; give the job's id."""
    command = [sys.executable, "-c", HOLDER, str(folder.home), str(photo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def left_behind(store: JobStore, job: Job, *states: JobState, **changes: object) -> Job:
    """Bring a job to where a crash would have left it."""
    for state in states:
        job = store.update(job.job_id, lambda job, state=state: job.moved_to(state))
    job = store.update(job.job_id, lambda job: replace(job, **changes))
    store.claims.drop(store.folder(job.job_id))
    return job


@pytest.mark.parametrize("states", [(), (JobState.RUNNING,)])
def test_job_left_behind_becomes_interrupted(
    store: JobStore, make: Callable[..., Job], states: tuple[JobState, ...]
) -> None:
    job = left_behind(store, make(), *states)
    recovery = recover(store)
    assert [found.job_id for found in recovery.interrupted] == [job.job_id]
    assert recovery.resumable == ()
    after = store.load(job.job_id)
    assert after.state is JobState.INTERRUPTED
    assert after.error is not None
    assert after.error.code == "interrupted"
    assert recover(store).interrupted == ()


def test_job_that_was_being_cancelled_is_cancelled(store: JobStore, make: Callable[..., Job]) -> None:
    job = left_behind(
        store, make("qwen-image-edit"), JobState.RUNNING, JobState.CANCELLING, remote={"prediction": "p"}
    )
    recovery = recover(store)
    assert (recovery.interrupted, recovery.resumable) == ((), ())
    assert store.load(job.job_id).state is JobState.CANCELLED


def test_paid_cloud_job_can_be_resumed_until_it_is(store: JobStore, make: Callable[..., Job]) -> None:
    paid = left_behind(store, make("qwen-image-edit"), JobState.RUNNING, remote={"prediction": "p"})
    left_behind(store, make("qwen-image-edit"), JobState.RUNNING)
    left_behind(store, make("starter"), JobState.RUNNING, remote={"prediction": "p"})
    for interrupted in (3, 0):
        recovery = recover(store)
        assert len(recovery.interrupted) == interrupted
        assert [job.job_id for job in recovery.resumable] == [paid.job_id]
        assert recovery.resumable[0].remote == {"prediction": "p"}
    store.update(paid.job_id, lambda job: job.moved_to(JobState.RUNNING).moved_to(JobState.SUCCEEDED))
    assert recover(store).resumable == ()
    assert not can_resume(store.load(paid.job_id))


def test_ended_jobs_and_own_jobs_are_left_alone(store: JobStore, make: Callable[..., Job]) -> None:
    own = make()
    done = left_behind(store, make(), JobState.RUNNING, JobState.SUCCEEDED)
    assert recover(store).interrupted == ()
    assert store.load(own.job_id) == own
    assert store.load(done.job_id) == done


def test_job_of_a_living_process_is_left_alone_until_it_is_killed(
    store: JobStore, folder: DataFolder, photo: Path
) -> None:
    with other_process(folder, photo) as (job_id, process):
        assert recover(store).interrupted == ()
        assert store.load(job_id).state is JobState.RUNNING
        process.kill()
        process.wait()
        assert [job.job_id for job in recover(store).interrupted] == [job_id]
    assert store.load(job_id).state is JobState.INTERRUPTED


def test_half_made_and_half_written_things_are_swept(
    store: JobStore, make: Callable[..., Job], folder: DataFolder
) -> None:
    job = left_behind(store, make(), JobState.RUNNING)
    leftover = store.folder(job.job_id) / ".metadata.json.0123abcd.part"
    config = folder.home / ".config.toml.0123abcd.part"
    half_made = folder.jobs / ".20261122-101530-7f3a.part"
    half_made.mkdir()
    for path in (leftover, config, half_made / "input_1.jpg"):
        path.write_text("half")
    old = time.time() - 3600
    os.utime(half_made, (old, old))
    young = folder.jobs / ".20261122-101530-0000.part"
    young.mkdir()
    assert sorted(recover(store).swept) == sorted([leftover, config, half_made])
    assert not leftover.exists()
    assert not half_made.exists()
    assert young.exists()


def test_every_folder_that_is_written_to_is_swept(store: JobStore, folder: DataFolder) -> None:
    left = [
        folder.schemas / ".bytedance--seedream-4.json.3d4a6572.part",
        folder.loras / ".look.safetensors.3d4a6572.part",
        folder.huggingface_cache / ".qie-records.json.3d4a6572.part",
    ]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_text("half")
    assert sorted(recover(store).swept) == sorted(left)
    assert not any(path.exists() for path in left)


def test_damaged_job_stops_no_recovery(store: JobStore, make: Callable[..., Job]) -> None:
    store.list()
    first, second = left_behind(store, make()), left_behind(store, make())
    (store.folder(first.job_id) / "metadata.json").write_text("{")
    assert [job.job_id for job in recover(store).interrupted] == [second.job_id]
    assert (store.folder(first.job_id) / "metadata.json").read_text() == "{"
