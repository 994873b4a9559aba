from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from qie_desktop.core.errors import StorageError
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage import job_folders
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.legacy_metadata import LegacyJob

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.storage.data_folder import DataFolder


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


def ended(store: JobStore, job: Job) -> Job:
    job = store.update(job.job_id, lambda job: job.moved_to(JobState.RUNNING).moved_to(JobState.SUCCEEDED))
    store.claims.drop(store.folder(job.job_id))
    return job


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


def folder_files(folder: Path, prefix: str) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(prefix)]


def test_newest_jobs_can_be_glanced_at_while_the_index_is_missing(
    store: JobStore, create: Callable[..., Job]
) -> None:
    jobs = [create() for _ in range(7)]
    newest = sorted((job.job_id for job in jobs), reverse=True)[:3]
    store.close()
    store.data_folder.index.unlink()
    (store.data_folder.jobs / "zebra").mkdir()

    fresh = JobStore(store.data_folder)
    assert {job.job_id for job in fresh.glance(3)} == set(newest[:2])
    assert fresh.glance(4) == []  # nearly all there are: `list` is as quick
    assert len(fresh.list()) == 7
    assert fresh.glance(3) == []
    fresh.close()


def test_newest_jobs_can_be_glanced_at_until_the_index_has_been_compared(
    store: JobStore, create: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = sorted((create().job_id for _ in range(5)), reverse=True)[:2]
    assert len(store.list()) == 5
    store.close()
    fresh = JobStore(store.data_folder)
    comparing, go_on = threading.Event(), threading.Event()

    def held_up(jobs: Path) -> dict[str, int]:
        comparing.set()
        assert go_on.wait(10)
        return job_ids(jobs)

    job_ids = job_folders.job_ids
    monkeypatch.setattr(job_folders, "job_ids", held_up)
    thread = threading.Thread(target=fresh.list)
    thread.start()
    assert comparing.wait(10)
    try:
        # Somebody else has begun to compare: what can be seen at once does not wait for that.
        assert {job.job_id for job in fresh.glance(2)} == set(newest)
    finally:
        go_on.set()
        thread.join()
    assert fresh.glance(2) == []
    fresh.close()
