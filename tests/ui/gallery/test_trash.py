from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import StorageError
from qie_desktop.core.job import Job
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.gallery.gallery_notice import GalleryNotice
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.gallery.trash_can import bring_back, move_to_system_trash, trash_folder
from tests.ui.conftest import RecordingJobs

Make = Callable[..., Job]


pytestmark = pytest.mark.usefixtures("no_system_trash")


@pytest.fixture
def system_trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_system_trash: Path) -> Path:
    """The Trash of a Linux desktop, in a folder of the test's own."""
    del no_system_trash
    trash = tmp_path / "xdg" / "Trash"
    for name in ("files", "info"):
        (trash / name).mkdir(parents=True, mode=0o700)
    trash.chmod(0o700)
    monkeypatch.setenv("XDG_DATA_HOME", str(trash.parent))
    if move_to_system_trash(_folder(tmp_path / "trial")) is None:
        pytest.skip("this system has no Trash that Qt can use")
    return trash


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "a.txt").write_text("a")
    return path


def notice(panel: GalleryPanel) -> str:
    return panel.findChild(GalleryNotice).text


def fingerprint(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_delete_moves_the_job_away_and_undo_brings_every_byte_back(
    panel: GalleryPanel, made: Make, store: JobStore, qtbot: QtBot
) -> None:
    job, other = made(prompt="this one"), made()
    panel.reload()
    panel.select(job.job_id, 0)
    before = fingerprint(store.folder(job.job_id))
    changed = QSignalSpy(panel.undo_trash_changed)
    view = panel.findChild(GalleryView)
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert not (store.data_folder.jobs / job.job_id).exists()
    assert [found.job_id for found in store.list()] == [other.job_id]
    assert panel.model.rowCount() == 1
    assert panel.can_undo_trash()
    assert "no Trash here" in notice(panel)
    assert fingerprint(store.data_folder.home / ".trash" / job.job_id) == before
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert fingerprint(store.folder(job.job_id)) == before
    assert {found.job_id for found in store.list()} == {job.job_id, other.job_id}
    assert panel.selected() == [(job.job_id, 0)]
    assert not panel.can_undo_trash()
    assert [changed.at(number)[0] for number in range(changed.count())] == [True, False]


def test_the_system_trash_is_used_where_there_is_one(
    panel: GalleryPanel, made: Make, store: JobStore, system_trash: Path
) -> None:
    job = made()
    panel.reload()
    panel.select(job.job_id, 0)
    panel.move_selection_to_trash()
    assert notice(panel) == "Moved the picture to the Trash."
    assert (system_trash / "files" / job.job_id / "metadata.json").is_file()
    assert not (store.data_folder.home / ".trash").exists()
    panel.undo_trash()
    assert store.load(job.job_id).outputs == job.outputs
    assert not (system_trash / "info" / f"{job.job_id}.trashinfo").exists()


def test_moves_are_undone_one_by_one_the_last_one_first(
    panel: GalleryPanel, made: Make, store: JobStore
) -> None:
    first, second = made(), made()
    panel.reload()
    for job in (first, second):
        panel.select(job.job_id, 0)
        panel.move_selection_to_trash()
    panel.undo_trash()
    assert [job.job_id for job in store.list()] == [second.job_id]
    panel.undo_trash()
    panel.undo_trash()
    assert len(store.list()) == 2


def test_where_more_would_go_than_was_selected_it_asks_first_in_place(
    panel: GalleryPanel, made: Make, store: JobStore, qtbot: QtBot
) -> None:
    job = made(pictures=3)
    panel.reload()
    panel.select(job.job_id, 1)
    panel.move_selection_to_trash()
    assert notice(panel) == "2 other pictures of the same job will go to the Trash, too."
    assert store.folder(job.job_id).is_dir()
    button = panel.findChild(QPushButton, "gallery_notice_action")
    assert button.text() == "Move All 3"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert store.list() == []
    assert notice(panel).startswith("Moved 3 pictures to")
    assert button.text() == "Undo"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.model.rowCount() == 3


def test_it_does_not_ask_where_all_are_selected_or_asking_is_turned_off(
    panel: GalleryPanel, made: Make, store: JobStore, settings: Settings
) -> None:
    made(pictures=2)
    panel.reload()
    panel.findChild(GalleryView).selectAll()
    panel.move_selection_to_trash()
    assert store.list() == []
    settings.set("general.confirm", False)
    job = made(pictures=2)
    panel.reload()
    panel.select(job.job_id, 0)
    panel.move_selection_to_trash()
    assert store.list() == []


def test_a_job_on_its_way_stays(
    panel: GalleryPanel, make: Make, made: Make, jobs: RecordingJobs, store: JobStore
) -> None:
    running, over = make(), made()
    panel.reload()
    jobs.begin(running)
    view = panel.findChild(GalleryView)
    panel.select(running.job_id, -1)
    panel.move_selection_to_trash()
    assert notice(panel) == "A job that has not ended stays. Cancel it first."
    view.selectAll()
    panel.move_selection_to_trash()
    assert [job.job_id for job in store.list()] == [running.job_id]
    assert over.job_id not in [cell[0] for cell in panel.selected()]


def test_a_job_that_another_process_runs_stays_and_it_says_why(
    panel: GalleryPanel, made: Make, store: JobStore
) -> None:
    job = made()
    panel.reload()
    other = JobStore(store.data_folder)
    assert other.claims.take(store.folder(job.job_id))
    panel.select(job.job_id, 0)
    panel.move_selection_to_trash()
    assert "has not ended" in notice(panel)
    assert panel.model.rowCount() == 1
    assert not panel.can_undo_trash()
    other.close()


def test_what_cannot_be_brought_back_is_said_and_loses_nothing(
    panel: GalleryPanel, made: Make, store: JobStore
) -> None:
    job = made()
    panel.reload()
    panel.select(job.job_id, 0)
    panel.move_selection_to_trash()
    away = store.data_folder.home / ".trash" / job.job_id
    away.rename(away.with_name("elsewhere"))
    panel.undo_trash()
    assert "no longer where it was put" in notice(panel)
    assert not panel.can_undo_trash()


def test_two_folders_of_one_name_lie_side_by_side_and_neither_is_replaced(tmp_path: Path) -> None:
    own = tmp_path / "own"
    first = trash_folder(_folder(tmp_path / "job"), own)
    second = trash_folder(_folder(tmp_path / "job"), own)
    assert first.now_at != second.now_at
    bring_back(first)
    with pytest.raises(StorageError, match="another job"):
        bring_back(second)
    assert (second.now_at / "a.txt").is_file()


def test_the_listing_of_a_fresh_start_leaves_trashed_jobs_out(
    panel: GalleryPanel, made: Make, store: JobStore
) -> None:
    job = made()
    panel.reload()
    panel.select(job.job_id, 0)
    panel.move_selection_to_trash()
    fresh = JobStore(store.data_folder)
    assert fresh.list() == []
    fresh.close()
