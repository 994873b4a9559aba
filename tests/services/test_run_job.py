from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageOps

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.errors import CredentialsMissing, DiskFull
from qie_desktop.core.events import (
    Cancelled,
    Failed,
    JobEvent,
    OutputSaved,
    Phase,
    PhaseName,
    Step,
    Succeeded,
)
from qie_desktop.core.job import Job, JobState
from qie_desktop.imaging.embedding import read_request
from qie_desktop.services.run_job import run_job
from qie_desktop.storage import atomic, job_metadata
from qie_desktop.storage.job_store import JobStore
from tests.services.engines import (
    Inverting,
    OtherSize,
    Raising,
    Silent,
    SmallEngine,
    Talkative,
    Waiting,
)
from tests.services.running import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder


def test_success_is_told_once_and_stands_on_disk(
    store: JobStore, make: Callable[..., Job], photo: Path
) -> None:
    job = make()
    engine = Inverting()
    ended, events = run(store, job, engine)
    assert ended.state is JobState.SUCCEEDED
    assert store.load(job.job_id) == ended
    assert ended.measured == {"denoise_s": 1.5}
    assert ended.seconds is not None
    path = store.output_path(ended, ended.outputs[0])
    assert events[-3:] == [
        Phase(job.job_id, PhaseName.SAVING),
        OutputSaved(job.job_id, 0, path),
        Succeeded(job.job_id),
    ]
    with Image.open(path) as result, Image.open(photo) as original:
        assert result.tobytes() == ImageOps.invert(original.convert("RGB")).tobytes()
    assert read_request(path) == job.request.to_json()
    assert engine.tasks[0].request.inputs == (store.folder(job.job_id) / "input_1.png",)


def test_progress_is_throttled_and_the_last_step_passes(store: JobStore, make: Callable[..., Job]) -> None:
    _, events = run(store, make(), Inverting())
    steps = [event.index for event in events if isinstance(event, Step)]
    assert steps[-1] == 200
    assert len(steps) < 50


def test_cancel_before_start_emits_cancelled(store: JobStore, make: Callable[..., Job]) -> None:
    engine, cancel = Inverting(), CancelToken()
    cancel.cancel()
    job = make()
    ended, events = run(store, job, engine, cancel)
    assert events == [Cancelled(job.job_id)]
    assert store.load(job.job_id).state is ended.state is JobState.CANCELLED
    assert engine.tasks == []


def test_cancel_midway_is_noted_at_once_and_keeps_what_is_there(
    store: JobStore, make: Callable[..., Job]
) -> None:
    job = make()
    engine, cancel = Waiting(saved=1), CancelToken()
    states: list[JobState] = []

    def person() -> None:
        engine.started.wait(10)
        states.append(store.load(job.job_id).state)
        cancel.cancel()
        for _ in range(100):
            states.append(store.load(job.job_id).state)
            if states[-1] is not JobState.RUNNING:
                break
            threading.Event().wait(0.01)

    thread = threading.Thread(target=person)
    thread.start()
    ended, events = run(store, job, engine, cancel)
    thread.join()
    assert (states[0], states[-1]) == (JobState.RUNNING, JobState.CANCELLING)
    assert events[-1] == Cancelled(job.job_id)
    assert ended.state is JobState.CANCELLED
    assert len(store.load(job.job_id).outputs) == 1


def test_error_of_an_engine_comes_through_as_it_is(store: JobStore, make: Callable[..., Job]) -> None:
    job = make()
    error = CredentialsMissing("There is no token.", "Add one.")
    ended, events = run(store, job, Raising(error))
    assert events == [Failed(job.job_id, error.info())]
    assert store.load(job.job_id) == ended
    assert ended.error == error.info()


def test_unforeseen_error_is_worded_for_a_person_and_its_traceback_logged(
    store: JobStore, make: Callable[..., Job], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        ended, _ = run(store, make(), Raising(ZeroDivisionError("inner secret workings")))
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "internal"
    assert "inner secret workings" not in ended.error.message
    assert "inner secret workings" in caplog.text
    assert "Traceback" in caplog.text


def test_exhausted_memory_is_told_as_such(store: JobStore, make: Callable[..., Job]) -> None:
    ended, _ = run(store, make(), Raising(MemoryError()))
    assert ended.error is not None
    assert ended.error.code == "out_of_memory"


def test_engine_that_saves_nothing_has_failed(
    store: JobStore, make: Callable[..., Job], folder: DataFolder
) -> None:
    ended, _ = run(store, make("qwen-image-edit"), Silent())
    assert ended.error is not None
    assert "without a picture" in ended.error.message
    assert ended.cost_usd is None
    assert not folder.ledger.exists()


def test_nothing_comes_after_the_end(store: JobStore, make: Callable[..., Job]) -> None:
    engine = Talkative()
    events: list[JobEvent] = []
    job = make()
    ended = asyncio.run(run_job(job, store, engine, events.append, CancelToken()))
    before = list(events)
    engine.ended.set()
    assert engine.thread is not None
    engine.thread.join()
    assert events == before
    assert events[-1] == Succeeded(job.job_id)
    assert events.count(Succeeded(job.job_id)) == 1
    assert len(engine.refused) == 1
    assert store.load(job.job_id) == ended
    assert not (store.folder(job.job_id) / "output_1.png").exists()


def test_front_that_raises_does_not_harm_the_job(store: JobStore, make: Callable[..., Job]) -> None:
    job = make()
    seen: list[JobEvent] = []

    def emit(event: JobEvent) -> None:
        seen.append(event)
        raise RuntimeError("a bug of the front")

    ended = asyncio.run(run_job(job, store, Inverting(), emit, CancelToken()))
    assert ended.state is JobState.SUCCEEDED
    assert seen[-1] == Succeeded(job.job_id)


@pytest.mark.parametrize(
    "engine", [Inverting(), Raising(CredentialsMissing("no token")), Raising(DiskFull("full"))]
)
def test_end_that_cannot_be_saved_is_still_told_once(
    store: JobStore, make: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, engine: SmallEngine
) -> None:
    job = make()
    write = atomic.write_text

    def full(path: Path, text: str) -> None:
        if '"finished_at": "' in text:
            raise DiskFull("full")
        write(path, text)

    monkeypatch.setattr(job_metadata.atomic, "write_text", full)
    ended, events = run(store, job, engine)
    assert isinstance(events[-1], Failed)
    expected = (
        "credentials_missing" if isinstance(getattr(engine, "error", 0), CredentialsMissing) else "disk_full"
    )
    assert events[-1].error.code == expected
    assert ended.state is JobState.FAILED
    assert store.load(job.job_id).state is JobState.RUNNING


def test_stopped_task_of_a_local_job_is_cancelled_and_the_stop_goes_on(
    store: JobStore, make: Callable[..., Job]
) -> None:
    job = make()
    events, cancel = stop_midway(store, job, Waiting())
    assert events == [Cancelled(job.job_id)]
    assert store.load(job.job_id).state is JobState.CANCELLED
    assert cancel.cancelled


def test_stopped_task_of_a_paid_job_can_be_resumed(store: JobStore, make: Callable[..., Job]) -> None:
    job = make("qwen-image-edit")
    events, cancel = stop_midway(store, job, Waiting(remembers={"prediction": "p1"}))
    assert isinstance(events[-1], Failed)
    assert events[-1].error.code == "interrupted"
    assert not cancel.cancelled
    interrupted = store.load(job.job_id)
    assert interrupted.state is JobState.INTERRUPTED
    engine = OtherSize((150, 100))
    ended, events = run(store, interrupted, engine)
    assert ended.state is JobState.SUCCEEDED
    assert dict(engine.tasks[0].remote) == {"prediction": "p1"}


def test_cancelled_error_from_within_the_engine_does_not_get_out(
    store: JobStore, make: Callable[..., Job]
) -> None:
    ended, events = run(store, make(), Raising(asyncio.CancelledError()))
    assert isinstance(events[-1], Cancelled)
    assert ended.state is JobState.CANCELLED


def test_job_of_another_process_is_not_run(
    store: JobStore, make: Callable[..., Job], folder: DataFolder
) -> None:
    job = make()
    engine = Inverting()
    other = JobStore(folder)
    ended, events = run(other, job, engine)
    assert isinstance(events[-1], Failed)
    assert "another process" in events[-1].error.message
    assert ended.state is JobState.FAILED
    assert store.load(job.job_id) == job
    assert engine.tasks == []
    other.close()


def test_ended_job_is_not_run_again(store: JobStore, make: Callable[..., Job]) -> None:
    job = make()
    ended, _ = run(store, job, Inverting())
    engine = Inverting()
    _, events = run(store, job, engine)
    assert isinstance(events[-1], Failed)
    assert events[-1].error.code == "job_state"
    assert store.load(job.job_id) == ended
    assert engine.tasks == []


def test_job_of_an_unknown_model_fails_on_disk_too(store: JobStore, make: Callable[..., Job]) -> None:
    job = make()
    path = store.folder(job.job_id) / "metadata.json"
    document = json.loads(path.read_text())
    document["request"]["model"] = "gone-model"
    path.write_text(json.dumps(document))
    ended, _ = run(store, job, Inverting())
    assert ended.error is not None
    assert ended.error.code == "unknown_model"
    assert store.load(job.job_id).state is JobState.FAILED


def test_deleted_job_fails(store: JobStore, make: Callable[..., Job]) -> None:
    job = make()
    store.claims.drop(store.folder(job.job_id))
    store.delete([job.job_id])
    ended, _ = run(store, job, Inverting())
    assert ended.error is not None
    assert ended.error.code == "job_not_found"


def stop_midway(store: JobStore, job: Job, engine: Waiting) -> tuple[list[JobEvent], CancelToken]:
    events: list[JobEvent] = []
    cancel = CancelToken()

    async def program() -> None:
        task = asyncio.create_task(run_job(job, store, engine, events.append, cancel))
        while not engine.started.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(program())
    return events, cancel
