"""What the viewer shows when the picture in it goes to the Trash, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


def shown_id(window: MainWindow) -> str:
    job = window.viewer.shown_job()
    return job.job_id if job is not None else ""


@pytest.mark.usefixtures("no_system_trash")
def test_viewer_shows_the_next_picture_and_then_what_has_come_back(
    open_window: OpenWindow, made: Callable[..., Job], store: JobStore, qtbot: QtBot
) -> None:
    oldest, middle, newest = (made(prompt=f"number {number}").job_id for number in range(3))
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: window.gallery.model.rowCount() == 3 and not window.gallery.model.loading)
    for gone, following in ((middle, oldest), (oldest, newest)):
        window.desk.show_job(gone)
        qtbot.waitUntil(lambda gone=gone: shown_id(window) == gone)
        window.gallery.move_selection_to_trash()
        qtbot.waitUntil(lambda following=following: shown_id(window) == following)
        assert window.gallery.selected() == [(following, 0)]
    window.gallery.undo_trash()
    qtbot.waitUntil(lambda: shown_id(window) == oldest)
    assert window.gallery.selected() == [(oldest, 0)]


@pytest.mark.usefixtures("no_system_trash")
@pytest.mark.parametrize("with_input", [True, False])
def test_after_the_last_picture_there_is_the_input_or_what_to_do_first(
    with_input: bool,
    open_window: OpenWindow,
    made: Callable[..., Job],
    store: JobStore,
    photo: Path,
    qtbot: QtBot,
) -> None:
    only = made().job_id
    store.close()
    window = open_window([photo] if with_input else [])
    qtbot.waitUntil(lambda: window.gallery.model.rowCount() == 1 and not window.gallery.model.loading)
    qtbot.waitUntil(lambda: window.draft.image_count == with_input)
    window.desk.show_job(only)
    qtbot.waitUntil(lambda: shown_id(window) == only)
    window.gallery.move_selection_to_trash()
    qtbot.waitUntil(lambda: shown_id(window) == "")
    assert window.viewer.shows_something() is with_input


@pytest.mark.usefixtures("no_system_trash")
def test_what_is_shown_stays_when_others_go(
    open_window: OpenWindow, made: Callable[..., Job], store: JobStore, qtbot: QtBot
) -> None:
    other, shown = (made(prompt=f"number {number}").job_id for number in range(2))
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: window.gallery.model.rowCount() == 2 and not window.gallery.model.loading)
    window.desk.show_job(shown)
    qtbot.waitUntil(lambda: shown_id(window) == shown)
    window.gallery.select(other, 0)
    window.gallery.move_selection_to_trash()
    qtbot.waitUntil(lambda: window.gallery.model.rowCount() == 1)
    qtbot.wait(50)
    assert shown_id(window) == shown
