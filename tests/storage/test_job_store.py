from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import DiskFull, ImageNotRecognised, JobNotFound, JobStateError
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import build_request
from qie_desktop.imaging.embedding import read_request
from qie_desktop.storage import job_folders, job_store
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder


def ended(store: JobStore, job: Job) -> Job:
    job = store.update(job.job_id, lambda job: job.moved_to(JobState.RUNNING).moved_to(JobState.SUCCEEDED))
    store.claims.drop(store.folder(job.job_id))
    return job


def test_created_job_is_whole_on_disk(store: JobStore, create: Callable[..., Job], photo: Path) -> None:
    job = create()
    folder = store.folder(job.job_id)
    assert job.state is JobState.QUEUED
    assert job.request.seed is not None
    assert job.request.inputs == (folder / "input_1.jpeg",)
    assert (folder / "input_1.jpeg").read_bytes() == photo.read_bytes()
    assert [(item.source_name, item.width, item.height) for item in job.inputs] == [("Holiday.JPEG", 96, 64)]
    assert store.load(job.job_id) == job
    assert JobStore(store.data_folder).load(job.job_id) == job


@pytest.mark.parametrize(
    ("name", "stored"), [("lies.png", "input_1.jpg"), ("bare", "input_1.jpg"), ("a.JPG", "input_1.jpg")]
)
def test_suffix_tells_the_truth(store: JobStore, photo: Path, name: str, stored: str) -> None:
    source = photo.with_name(name)
    source.write_bytes(photo.read_bytes())
    spec = find_model("qwen-image-edit")
    job = store.create(build_request(spec.id, "x", [source]), spec)
    assert [item.name for item in job.inputs] == [stored]


def test_failed_create_leaves_nothing(
    store: JobStore, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_model("qwen-image-edit-plus")
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(ImageNotRecognised):
        store.create(build_request(spec.id, "x", [photo, text]), spec)

    def full(*_: object) -> None:
        raise DiskFull("full")

    monkeypatch.setattr(job_store, "write_metadata", full)
    with pytest.raises(DiskFull):
        store.create(build_request(spec.id, "x", [photo]), spec)
    jobs = store.data_folder.jobs
    assert not jobs.exists() or not list(jobs.iterdir())
    assert store.count() == 0


def test_taken_id_is_not_taken_twice(create: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["7f3a", "7f3a", "7f3a", "0001"])
    monkeypatch.setattr(job_folders, "new_job_id", lambda _: f"20261122-101530-{next(drawn)}")
    assert [create().job_id[-4:], create().job_id[-4:]] == ["7f3a", "0001"]


def test_many_threads_create_as_many_jobs(store: JobStore, create: Callable[..., Job]) -> None:
    threads = [threading.Thread(target=create, args=(f"prompt {number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {job.request.prompt for job in store.list()} == {f"prompt {number}" for number in range(12)}


def test_output_has_its_request_thumbnail_and_provider_file(
    store: JobStore, create: Callable[..., Job]
) -> None:
    job = create()
    picture = Image.new("RGB", (1200, 800), "green")
    output = store.write_output(job, NewOutput(0, picture, b"RIFF", ".WEBP"))
    folder = store.folder(job.job_id)
    assert (output.name, output.width, output.height, output.provider_name) == (
        "output_0.png",
        1200,
        800,
        "provider_0.webp",
    )
    assert (folder / "provider_0.webp").read_bytes() == b"RIFF"
    with Image.open(folder / "thumb_0.webp") as thumb:
        assert max(thumb.size) == 512
    assert read_request(store.output_path(job, output)) == job.request.to_json()
    assert store.load(job.job_id).outputs == (output,)
    assert store.thumbnail_path(job, output) == folder / "thumb_0.webp"


def test_outputs_are_in_order_and_replaced_by_number(store: JobStore, create: Callable[..., Job]) -> None:
    job = create()
    for index in (10, 2, 0, 2):
        store.write_output(job, NewOutput(index, Image.new("RGBA", (8, 8))))
    names = [output.name for output in store.load(job.job_id).outputs]
    assert names == ["output_0.png", "output_2.png", "output_10.png"]


def test_odd_provider_suffix_stays_in_the_folder(store: JobStore, create: Callable[..., Job]) -> None:
    output = store.write_output(create(), NewOutput(0, Image.new("RGB", (8, 8)), b"x", "/../../x"))
    assert output.provider_name == "provider_0.bin"


def test_beginning_of_an_id_is_enough_where_it_is_unique(store: JobStore, create: Callable[..., Job]) -> None:
    first, second = create(), create()
    assert store.load(first.job_id[:-1]) == first or first.job_id[:-1] == second.job_id[:-1]
    with pytest.raises(JobNotFound, match="2 jobs begin"):
        store.load("20")


def test_unknown_id_asks_did_you_mean(store: JobStore, create: Callable[..., Job]) -> None:
    job = create()
    with pytest.raises(JobNotFound) as caught:
        store.load(f"{job.job_id}x")
    assert job.job_id in caught.value.hint
    with pytest.raises(JobNotFound) as caught:
        store.load("zzz")
    assert "qie jobs list" in caught.value.hint


@pytest.mark.parametrize("bad", ["", ".", "..", "../jobs", "/etc", "a/b", ".lock", "a\nb", "a" * 200, "~"])
def test_no_id_leads_out_of_the_jobs(store: JobStore, create: Callable[..., Job], bad: str) -> None:
    create()
    for act in (store.load, store.folder, lambda job_id: store.delete([job_id])):
        with pytest.raises(JobNotFound):
            act(bad)
    assert store.count() == 1


def test_star_is_in_the_metadata_and_survives_other_changes(
    store: JobStore, create: Callable[..., Job]
) -> None:
    job = create()
    for index in range(2):
        store.write_output(job, NewOutput(index, Image.new("RGB", (8, 8))))
    store.star(job.job_id, True, 1)
    store.update(job.job_id, lambda job: job.moved_to(JobState.RUNNING))
    assert [output.starred for output in store.load(job.job_id).outputs] == [False, True]
    assert [listed.job_id for listed in store.list(starred=True)] == [job.job_id]
    store.star(job.job_id, False)
    assert store.count(starred=True) == 0


def test_delete_removes_the_folder_and_the_row(store: JobStore, create: Callable[..., Job]) -> None:
    kept, gone = ended(store, create()), ended(store, create())
    store.delete([gone.job_id])
    assert store.list() == [kept]
    assert [path.name for path in store.data_folder.jobs.iterdir()] == [kept.job_id]


def test_job_that_has_not_ended_is_not_deleted(
    store: JobStore, folder: DataFolder, create: Callable[..., Job]
) -> None:
    job = create()
    other = JobStore(folder)
    for one in (store, other):
        with pytest.raises(JobStateError):
            one.delete([job.job_id])
    assert store.load(job.job_id) == job
    other.close()


def test_held_job_is_free_after_close(
    store: JobStore, folder: DataFolder, create: Callable[..., Job]
) -> None:
    job = create()
    other = JobStore(folder)
    assert not other.claims.take(folder.jobs / job.job_id)
    store.close()
    assert other.claims.take(folder.jobs / job.job_id)
    assert other.claims.take(folder.jobs / job.job_id)
    other.claims.drop(folder.jobs / job.job_id)
    assert not (folder.jobs / job.job_id / ".lock").exists()
