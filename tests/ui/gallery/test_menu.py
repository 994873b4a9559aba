from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.gallery import cell_commands
from qie_desktop.ui.gallery.dragging import OUTPUT_MIME, dragged_outputs
from qie_desktop.ui.gallery.gallery_actions import GalleryAction
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.panel import GalleryPanel
from tests.ui.conftest import RecordingJobs

Make = Callable[..., Job]
A = GalleryAction


@pytest.fixture
def view(panel: GalleryPanel) -> GalleryView:
    return panel.findChild(GalleryView, "gallery")


def opened(panel: GalleryPanel, view: GalleryView) -> QMenu:
    view.menu_wanted.emit(QPoint(10, 10))
    menus = [menu for menu in panel.findChildren(QMenu, "gallery_menu") if menu.isVisible()]
    return menus[-1]


def enabled(menu: QMenu) -> set[str]:
    names = {action.objectName() for action in menu.actions() if action.isEnabled() and action.text()}
    menu.close()
    return names


def test_everything_can_be_done_with_one_edited_picture_but_saving_several(
    panel: GalleryPanel, view: GalleryView, made: Make
) -> None:
    job = made()
    panel.reload()
    panel.select(job.job_id, 0)
    menu = opened(panel, view)
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Save As…", "Save All…", "Copy Image", "Copy Prompt", "Use as Input", "Reuse Settings",
        "Run Again with New Seed", "Compare with Input", "Star", "Show in Finder", "Get Info",
        "Move to Trash",
    ]  # fmt: skip
    assert enabled(menu) == set(A) - {A.SAVE_ALL, A.CANCEL, A.RETRY}


def test_with_nothing_selected_nothing_can_be_done(panel: GalleryPanel, view: GalleryView) -> None:
    assert enabled(opened(panel, view)) == set()


def test_several_pictures_can_be_saved_used_starred_and_trashed(
    panel: GalleryPanel, view: GalleryView, made: Make
) -> None:
    made()
    made()
    panel.reload()
    view.selectAll()
    assert enabled(opened(panel, view)) == {A.SAVE_ALL, A.USE_AS_INPUT, A.STAR, A.TRASH}


def test_a_picture_made_from_words_cannot_be_compared(
    panel: GalleryPanel, view: GalleryView, made: Make
) -> None:
    job = made(model_id="qwen-image")
    panel.reload()
    panel.select(job.job_id, 0)
    assert A.COMPARE not in enabled(opened(panel, view))


def test_one_picture_of_several_says_that_all_go(panel: GalleryPanel, view: GalleryView, made: Make) -> None:
    job = made(pictures=3)
    panel.reload()
    panel.select(job.job_id, 1)
    menu = opened(panel, view)
    labels = {action.objectName(): action.text() for action in menu.actions()}
    assert labels[A.TRASH] == "Move All 3 Pictures to Trash"
    assert A.SAVE_ALL in enabled(menu)


def test_a_running_job_can_be_cancelled_and_not_trashed(
    panel: GalleryPanel, view: GalleryView, make: Make, jobs: RecordingJobs
) -> None:
    job = make()
    jobs.begin(job)
    panel.select(job.job_id, -1)
    assert enabled(opened(panel, view)) == {
        A.CANCEL, A.COPY_PROMPT, A.REUSE_SETTINGS, A.SHOW_IN_FINDER, A.GET_INFO,
    }  # fmt: skip
    asked = QSignalSpy(panel.cancel_requested)
    panel.perform(A.CANCEL)
    panel.perform(A.CANCEL)
    assert [asked.at(number)[0] for number in range(asked.count())] == [job.job_id]


def test_a_failed_job_can_be_tried_again_and_trashed(
    panel: GalleryPanel, view: GalleryView, made: Make
) -> None:
    job = made(state=JobState.FAILED, error="It did not come through.")
    panel.reload()
    panel.select(job.job_id, -1)
    names = enabled(opened(panel, view))
    assert {A.RETRY, A.TRASH, A.REUSE_SETTINGS} <= names
    assert not {A.SAVE_AS, A.COPY_IMAGE, A.USE_AS_INPUT, A.STAR, A.COMPARE} & names


def test_a_legacy_job_of_an_unknown_model_can_be_looked_at_and_not_run(
    panel: GalleryPanel, view: GalleryView, store: JobStore
) -> None:
    folder = store.data_folder.jobs / "old"
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text('{"output_images": ["a.png"], "prompt": "long ago"}')
    (folder / "a.png").write_bytes(b"x")
    panel.reload()
    panel.select("old", 0)
    names = enabled(opened(panel, view))
    assert A.SAVE_AS in names
    assert not {A.STAR, A.REUSE_SETTINGS, A.RUN_AGAIN} & names


def test_the_menu_asks_for_what_others_do(
    panel: GalleryPanel, view: GalleryView, made: Make, store: JobStore
) -> None:
    job = made(pictures=2)
    panel.reload()
    panel.select(job.job_id, 1)
    heard: list[tuple[object, ...]] = []
    for signal in (panel.reuse_settings, panel.run_again, panel.info_requested, panel.retry_requested):
        signal.connect(lambda job_id: heard.append((job_id,)))
    panel.compare_requested.connect(lambda job_id, index: heard.append((job_id, index)))
    panel.use_as_input.connect(lambda paths: heard.append(tuple(paths)))
    for action in (A.REUSE_SETTINGS, A.RUN_AGAIN, A.GET_INFO, A.COMPARE, A.USE_AS_INPUT):
        menu = opened(panel, view)
        next(entry for entry in menu.actions() if entry.objectName() == action).trigger()
        menu.close()
    path = store.output_path(job, job.outputs[1])
    assert heard == [(job.job_id,), (job.job_id,), (job.job_id,), (job.job_id, 1), (path,)]


def test_the_image_and_the_prompt_are_copied(panel: GalleryPanel, made: Make) -> None:
    job = made(prompt="a ship, like no other")
    panel.reload()
    panel.select(job.job_id, 0)
    clipboard = QGuiApplication.clipboard()
    panel.perform(A.COPY_IMAGE)
    assert (clipboard.image().width(), clipboard.image().height()) == (60, 40)
    panel.perform(A.COPY_PROMPT)
    assert clipboard.text() == "a ship, like no other"


def test_the_file_is_shown_in_its_folder(
    panel: GalleryPanel, made: Make, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    monkeypatch.setattr(cell_commands, "show_in_finder", shown.append)
    job = made()
    failed = made(state=JobState.FAILED, error="No.")
    panel.reload()
    for job_id in (job.job_id, failed.job_id):
        panel.select(job_id, 0)
        panel.perform(A.SHOW_IN_FINDER)
    assert shown == [store.output_path(job, job.outputs[0]), store.folder(failed.job_id) / "metadata.json"]


def test_the_keyboard_opens_the_menu_at_the_current_cell(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    from PySide6.QtGui import QContextMenuEvent
    from PySide6.QtWidgets import QApplication

    job = made()
    panel.reload()
    panel.select(job.job_id, 0)
    qtbot.wait(30)
    asked = QSignalSpy(view.menu_wanted)
    wrong = QPoint(5000, 5000)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, wrong, wrong)
    QApplication.sendEvent(view.viewport(), event)
    at = view.viewport().mapFromGlobal(asked.at(0)[0])
    assert view.visualRect(view.currentIndex()).contains(at)
    panel.findChild(QMenu, "gallery_menu").close()


def test_cells_are_dragged_out_as_files_and_as_outputs_of_our_own(
    panel: GalleryPanel, view: GalleryView, made: Make, store: JobStore
) -> None:
    job = made(pictures=2)
    made(state=JobState.FAILED, error="No.")
    panel.reload()
    view.selectAll()
    drag = view.make_drag()
    assert drag is not None
    mime = drag.mimeData()
    assert [Path(url.toLocalFile()) for url in mime.urls()] == [
        store.output_path(job, output) for output in job.outputs
    ]
    assert {"text/uri-list", OUTPUT_MIME} <= set(mime.formats())
    assert dragged_outputs(mime) == [(job.job_id, 0), (job.job_id, 1)]
    drag.deleteLater()


def test_what_other_programs_put_under_our_name_is_not_believed() -> None:
    from PySide6.QtCore import QMimeData

    mime = QMimeData()
    assert dragged_outputs(mime) == []
    for data in (b"\xff", b"{}", b'[["x"], ["x", -1], [1, 2], ["x", "y"], null]', b"[" * 100_000):
        mime.setData(OUTPUT_MIME, data)
        assert dragged_outputs(mime) == []


def test_a_cell_without_a_picture_cannot_be_dragged(
    panel: GalleryPanel, view: GalleryView, made: Make
) -> None:
    made(state=JobState.CANCELLED)
    panel.reload()
    view.selectAll()
    assert not view.model().index(0, 0).flags() & Qt.ItemFlag.ItemIsDragEnabled
    assert view.make_drag() is None
