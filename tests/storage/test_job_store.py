from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import DiskFull, ImageNotRecognised, JobNotFound, JobStateError, StorageError
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import build_request
from qie_desktop.imaging.embedding import read_request
from qie_desktop.storage import job_folders, job_store
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.legacy_metadata import LegacyJob

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


def test_listing_is_newest_first_searched_and_paged(store: JobStore, create: Callable[..., Job]) -> None:
    jobs = [create("A red Käse hat"), create("a blue hat"), create("nothing", "hunyuan-image-3")]
    newest_first = sorted(jobs, key=lambda job: (job.created_at, job.job_id), reverse=True)
    assert store.list() == newest_first
    assert store.list(limit=1, offset=1) == newest_first[1:2]
    assert store.list("HAT RED") == [jobs[0]]
    assert store.list("kÄse") == [jobs[0]]
    assert store.list("Hunyuan Image") == [jobs[2]]
    assert store.list("100%_") == []
    assert store.count("hat") == 2
    assert store.count(states=[JobState.RUNNING]) == 0


def test_prompt_that_is_no_text_is_stored_all_the_same(store: JobStore, create: Callable[..., Job]) -> None:
    job = create("half \ud83d a smile")
    assert store.load(job.job_id).request.prompt == "half ? a smile"
    assert store.count("half \ud83d smile") == 1


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


def test_unreadable_folder_is_left_alone_and_named_in_the_log(
    store: JobStore, create: Callable[..., Job], caplog: pytest.LogCaptureFixture
) -> None:
    job, damaged = create(), create()
    path = store.folder(damaged.job_id) / "metadata.json"
    path.write_text("{")
    (store.data_folder.jobs / "not-a-job").mkdir()
    fresh = JobStore(store.data_folder)
    with caplog.at_level(logging.WARNING):
        assert fresh.list() == [job]
        assert fresh.list() == [job]
    assert [record.message for record in caplog.records if damaged.job_id in record.message]
    assert len(caplog.records) == 1
    assert path.read_text() == "{"
    fresh.close()


def test_legacy_jobs_are_listed_and_refuse_stars(store: JobStore, create: Callable[..., Job]) -> None:
    create()
    legacy = store.data_folder.jobs / "old-1"
    legacy.mkdir()
    Image.new("RGB", (40, 30)).save(legacy / "output_0.png")
    (legacy / "metadata.json").write_text('{"output_images": ["output_0.png"], "prompt": "an old hat"}')
    before = {path.name: path.read_bytes() for path in legacy.iterdir()}
    (job,) = store.list("old hat")
    assert isinstance(job, LegacyJob)
    assert isinstance(store.load("old-1"), LegacyJob)
    assert store.thumbnail_path(job, job.outputs[0]) == legacy / "output_0.png"
    with pytest.raises(StorageError):
        store.star("old-1", True)
    assert {path.name: path.read_bytes() for path in legacy.iterdir()} == before


def test_index_follows_folders_that_others_change(
    store: JobStore, folder: DataFolder, create: Callable[..., Job]
) -> None:
    job, gone = ended(store, create("one")), ended(store, create("two"))
    assert store.count() == 2
    store.folder(gone.job_id).rename(folder.home / "trash")
    other = JobStore(folder)
    assert other.list() == [job]
    (folder.home / "trash").rename(folder.jobs / gone.job_id)
    store.refresh()
    assert store.count() == 2
    other.close()


@pytest.mark.parametrize("damage", [b"", b"junk" * 4096])
def test_damaged_index_is_made_anew(store: JobStore, create: Callable[..., Job], damage: bytes) -> None:
    job = create()
    store.list()
    store.close()
    for path in folder_files(store.data_folder.home, "index.sqlite3-"):
        path.unlink()
    store.data_folder.index.write_bytes(damage)
    fresh = JobStore(store.data_folder)
    assert fresh.list() == [job]
    assert bool(list(store.data_folder.home.glob("index.sqlite3.damaged-*"))) == bool(damage)
    fresh.close()


def test_index_damaged_while_in_use_is_made_anew(store: JobStore, create: Callable[..., Job]) -> None:
    jobs = [create(f"prompt {number} " + "x" * 500) for number in range(20)]
    assert store.count() == 20
    store._index._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    index = store.data_folder.index
    with index.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (index.stat().st_size - 4096))
    assert {job.job_id for job in store.list("prompt")} == {job.job_id for job in jobs}
    assert store.load(jobs[0].job_id) == jobs[0]


def test_index_of_another_schema_is_made_anew(store: JobStore, create: Callable[..., Job]) -> None:
    job = create()
    store.list()
    store._index._connection.execute("PRAGMA user_version = 99")  # type: ignore[union-attr]
    store.close()
    fresh = JobStore(store.data_folder)
    assert fresh.list() == [job]
    fresh.close()


def test_index_is_used_from_several_threads(store: JobStore, create: Callable[..., Job]) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                create("together")
                store.list("together")
        except BaseException as error:  # noqa: BLE001 - it is asserted on below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.count("together") == 30


def test_index_that_cannot_be_used_fails_no_save(
    store: JobStore, folder: DataFolder, create: Callable[..., Job]
) -> None:
    folder.index.mkdir(parents=True)
    job = create()
    assert store.load(job.job_id) == job
    with pytest.raises(StorageError, match="index"):
        store.list()


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


def folder_files(folder: Path, prefix: str) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(prefix)]
