"""Finished jobs go to the Trash when the window opens, once the person has set how long they are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState, now
from qie_desktop.services.keeping import KeepRule
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.gallery.gallery_notice import GalleryNotice
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.main_window import MainWindow

Make = Callable[..., Job]
OpenWindow = Callable[..., MainWindow]


pytestmark = pytest.mark.usefixtures("no_system_trash")


@pytest.fixture
def aged(store: JobStore, made: Make) -> Make:
    """Return a function that puts a job on disk that ended so many days ago."""

    def aged(days: int = 31, **options: object) -> Job:
        at = now() - timedelta(days=days)
        job = made(**options)
        return store.update(job.job_id, lambda job: replace(job, created_at=at, finished_at=at))

    return aged


def keep(folder: DataFolder, value: str) -> None:
    settings = Settings.load(folder.config)
    settings.set("general.keep_jobs", value)
    settings.save()


def on_disk(folder: DataFolder) -> set[str]:
    return {path.name for path in folder.jobs.iterdir() if not path.name.startswith(".")}


def notice(window: MainWindow) -> GalleryNotice:
    found = window.findChild(GalleryNotice)
    assert isinstance(found, GalleryNotice)
    return found


def listed(qtbot: QtBot, window: MainWindow, count: int) -> None:
    qtbot.waitUntil(lambda: not window.gallery.model.loading and window.gallery.model.rowCount() == count)


def test_nothing_goes_while_the_setting_was_never_changed(
    qtbot: QtBot, open_window: OpenWindow, folder: DataFolder, aged: Make, store: JobStore
) -> None:
    jobs = {aged(days=400).job_id, aged(days=40).job_id}
    store.close()
    window = open_window()
    listed(qtbot, window, 2)
    qtbot.wait(300)
    assert on_disk(folder) == jobs
    assert notice(window).text == ""


def test_old_jobs_go_when_the_window_opens_and_come_back_for_good(
    qtbot: QtBot, open_window: OpenWindow, folder: DataFolder, aged: Make, made: Make, store: JobStore
) -> None:
    old, starred, young = aged(), aged(), made()
    store.star(starred.job_id, starred=True)
    keep(folder, "30-days")
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: on_disk(folder) == {starred.job_id, young.job_id})
    listed(qtbot, window, 2)
    qtbot.waitUntil(lambda: "finished more than 30 days ago" in notice(window).text)
    assert (folder.home / ".trash" / old.job_id / "metadata.json").is_file()
    button = window.findChild(QPushButton, "gallery_notice_action")
    assert button.text() == "Undo and Keep Forever"
    button.click()
    listed(qtbot, window, 3)
    assert on_disk(folder) == {old.job_id, starred.job_id, young.job_id}
    qtbot.waitUntil(lambda: Settings.load(folder.config).get("general.keep_jobs") == "forever")


def test_saved_jobs_go_when_they_are_kept_until_then(
    qtbot: QtBot,
    open_window: OpenWindow,
    folder: DataFolder,
    made: Make,
    store: JobStore,
    panel: GalleryPanel,
    tmp_path: Path,
) -> None:
    both, half, unsaved = made(pictures=2), made(pictures=2), made()
    panel.saver.write_all([(both.job_id, 0), (both.job_id, 1)], tmp_path)
    panel.saver.write((half.job_id, 1), tmp_path / "half.jpg")
    assert [output.saved for output in store.load(both.job_id).outputs] == [True, True]
    assert [output.saved for output in store.load(half.job_id).outputs] == [False, True]
    keep(folder, "until-saved")
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: on_disk(folder) == {half.job_id, unsaved.job_id})
    qtbot.waitUntil(lambda: "all pictures saved" in notice(window).text)


def test_a_save_that_failed_is_not_noted(
    store: JobStore, made: Make, panel: GalleryPanel, tmp_path: Path
) -> None:
    job = made()
    panel.saver.write((job.job_id, 0), tmp_path / "a.pdf")
    assert not store.load(job.job_id).outputs[0].saved


def test_what_runs_again_or_is_spared_stays(
    panel: GalleryPanel, store: JobStore, aged: Make, folder: DataFolder, qtbot: QtBot
) -> None:
    held, spared, old = aged(state=JobState.INTERRUPTED), aged(), aged()
    assert store.claims.take(store.folder(held.job_id))
    panel.reload()
    panel.tidy(KeepRule("30-days", now()), frozenset({spared.job_id}))
    assert on_disk(folder) == {held.job_id, spared.job_id}
    assert panel.can_undo_trash()
    panel.undo_trash()
    assert on_disk(folder) == {held.job_id, spared.job_id, old.job_id}
    assert panel.model.rowCount() == 3
