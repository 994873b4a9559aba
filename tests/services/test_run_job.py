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
    Terminal,
)
from qie_desktop.core.job import Job, JobState
from qie_desktop.imaging.embedding import read_request
from qie_desktop.services.run_job import run_job
from qie_desktop.storage import atomic, job_metadata
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.ledger import Ledger
from tests.services.conftest import make_photo
from tests.services.engines import (
    FromManyThreads,
    Inverting,
    OtherSize,
    Raising,
    Silent,
    SmallEngine,
    Talkative,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder


def run(
    store: JobStore, job: Job, engine: SmallEngine, cancel: CancelToken | None = None
) -> tuple[Job, list[JobEvent]]:
    events: list[JobEvent] = []
    ended = asyncio.run(run_job(job, store, engine, events.append, cancel or CancelToken()))
    assert all(event.job_id == job.job_id for event in events)
    assert [isinstance(event, Terminal) for event in events].count(True) == 1
    assert isinstance(events[-1], Terminal)
    assert not store.claims.holds(job.job_id)
    return ended, events


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


@pytest.mark.parametrize("size", [(150, 100), (301, 199), (1024, 683), (64, 512)])
@pytest.mark.parametrize("model_id", ["qwen-image-edit", "starter"])
def test_edit_has_exactly_the_size_of_its_input(
    store: JobStore, make: Callable[..., Job], model_id: str, size: tuple[int, int]
) -> None:
    ended, _ = run(store, make(model_id), OtherSize(size))
    output = ended.outputs[0]
    assert (output.width, output.height) == (150, 100)
    with Image.open(store.output_path(ended, output)) as result:
        assert result.size == (150, 100)
    assert output.provider_name == "provider_0.webp"
    with Image.open(store.folder(ended.job_id) / "provider_0.webp") as provider:
        assert provider.size == size


def test_upright_size_counts(store: JobStore, make: Callable[..., Job], tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (160, 90), "red").save(path, exif=exif)
    ended, _ = run(store, make(inputs=[path]), OtherSize((512, 512)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (90, 160)


def test_two_side_by_side_have_the_size_of_their_canvas(
    store: JobStore, make: Callable[..., Job], tmp_path: Path
) -> None:
    left, right = (
        make_photo(tmp_path / "l.png", (100, 200)),
        make_photo(tmp_path / "r.png", (100, 100), "RGBA"),
    )
    job = make("qwen-image-edit-2509-gguf", [left, right])
    ended, _ = run(store, job, OtherSize((512, 320)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (300, 200)
    with Image.open(store.output_path(ended, ended.outputs[0])) as result:
        assert result.mode == "RGBA"
        assert result.getchannel("A").crop((0, 0, 100, 200)).getextrema() == (255, 255)
    job = make("qwen-image-edit-2509-gguf", [left, right], combine="references")
    ended, _ = run(store, job, OtherSize((512, 320)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (100, 200)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_alpha_of_the_input_comes_back(
    store: JobStore, make: Callable[..., Job], tmp_path: Path, mode: str
) -> None:
    source = make_photo(tmp_path / "cut-out.png", (120, 90), "RGBA")
    ended, _ = run(store, make("qwen-image-edit", [source]), OtherSize((512, 384), mode=mode))
    with Image.open(store.output_path(ended, ended.outputs[0])) as result, Image.open(source) as original:
        assert result.size == original.size
        assert result.getchannel("A").tobytes() == original.getchannel("A").tobytes()


def test_generated_picture_keeps_its_own_size(store: JobStore, make: Callable[..., Job]) -> None:
    ended, _ = run(store, make("hunyuan-image-3", []), OtherSize((640, 384)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (640, 384)
    ended, _ = run(store, make("seedream-4"), OtherSize((512, 512)))
    assert (ended.outputs[0].width, ended.outputs[0].height) == (512, 512)


def test_provider_png_of_the_same_pixels_is_not_kept_twice(store: JobStore, make: Callable[..., Job]) -> None:
    ended, _ = run(store, make("qwen-image-edit"), OtherSize((150, 100), "PNG"))
    assert ended.outputs[0].provider_name is None
    assert not list(store.folder(ended.job_id).glob("provider_*"))


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


def test_results_before_a_failure_are_kept_and_counted(
    store: JobStore, make: Callable[..., Job], folder: DataFolder
) -> None:
    job = make("seedream-4", [], sequential_image_generation="auto", count=4)
    ended, events = run(store, job, Raising(RuntimeError("x"), saved=3))
    assert [event.index for event in events if isinstance(event, OutputSaved)] == [0, 1, 2]
    assert [event.detail for event in events if isinstance(event, Phase)] == ["1 of 4", "2 of 4", "3 of 4"]
    assert isinstance(events[-1], Failed)
    assert len(store.load(job.job_id).outputs) == 3
    assert job.cost_usd == pytest.approx(0.12)
    assert ended.cost_usd == pytest.approx(0.09)
    assert [(entry.job_id, entry.usd) for entry in Ledger(folder.ledger).entries()] == [(job.job_id, 0.09)]


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


def test_engine_may_call_from_any_thread(store: JobStore, make: Callable[..., Job]) -> None:
    job = make("seedream-4", [], sequential_image_generation="auto", count=5)
    ended, events = run(store, job, FromManyThreads())
    assert sorted(event.index for event in events if isinstance(event, OutputSaved)) == list(range(5))
    on_disk = store.load(job.job_id)
    assert [output.name for output in on_disk.outputs] == [f"output_{index}.png" for index in range(5)]
    assert on_disk.remote == {f"part_{index}": "done" for index in range(5)}
    assert on_disk.measured == {f"part_{index}": float(index) for index in range(5)}
    assert ended == on_disk


def test_front_that_raises_does_not_harm_the_job(store: JobStore, make: Callable[..., Job]) -> None:
    job = make()
    seen: list[JobEvent] = []

    def emit(event: JobEvent) -> None:
        seen.append(event)
        raise RuntimeError("a bug of the front")

    ended = asyncio.run(run_job(job, store, Inverting(), emit, CancelToken()))
    assert ended.state is JobState.SUCCEEDED
    assert seen[-1] == Succeeded(job.job_id)


def test_full_disk_while_saving_is_told_as_such(
    store: JobStore, make: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make()
    write = atomic.write_bytes

    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".png":
            raise DiskFull(f"There is no room left in {path.parent}.")
        write(path, data)

    monkeypatch.setattr(atomic, "write_bytes", full)
    ended, _ = run(store, job, Inverting())
    assert ended.error is not None
    assert ended.error.code == "disk_full"
    assert store.load(job.job_id).outputs == ()


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
