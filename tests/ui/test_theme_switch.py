"""The theme changed while the window stands: what was painted in the old colours is painted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PIL import Image
from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import ErrorInfo
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def window(
    qtbot: QtBot, open_window: OpenWindow, store: JobStore, make: Callable[..., Job]
) -> Iterator[MainWindow]:
    """A window with a picture, a failed job and a cancelled one in its gallery."""
    for state in (JobState.FAILED, JobState.CANCELLED, JobState.SUCCEEDED):
        job = make()
        store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
        if state is JobState.SUCCEEDED:
            store.write_output(job, NewOutput(0, Image.new("RGB", (60, 40), "teal")))
        error = ErrorInfo("failed", "It did not work.") if state is JobState.FAILED else None
        store.update(
            job.job_id, lambda job, state=state, error=error: replace(job.moved_to(state), error=error)
        )
        store.claims.drop(store.folder(job.job_id))
    store.close()
    window = open_window()
    switch(window, "light")
    qtbot.waitUntil(lambda: window.gallery.model.rowCount() == 3)
    view = gallery(window)
    qtbot.waitUntil(lambda: seen(window, view.visualRect(view.model().index(0, 0))) != QImage())
    qtbot.wait(200)
    yield window
    switch(window, "system")


def gallery(window: MainWindow) -> GalleryView:
    found = window.findChild(GalleryView)
    assert isinstance(found, GalleryView)
    return found


def switch(window: MainWindow, theme: str) -> None:
    window.dialogs.setting_changed.emit("general.theme", theme)


def seen(window: MainWindow, part: QRect | None = None) -> QImage:
    """What stands on the screen of the gallery: nothing is painted for it that was not painted anyway."""
    viewport = gallery(window).viewport()
    screen = window.screen()
    whole = screen.grabWindow(window.winId()).toImage()
    area = QRect(viewport.mapTo(window, viewport.rect().topLeft()), viewport.size())
    return whole.copy(area if part is None else part.translated(area.topLeft()))


def settled(widget: QWidget) -> None:
    for _ in range(5):
        QApplication.processEvents()
    assert widget.isVisible()


def test_cells_are_repainted_in_the_colours_of_each_theme(window: MainWindow) -> None:
    view = gallery(window)
    settled(view)
    light = seen(window)
    grounds: dict[str, str] = {}
    for theme in ("light", "dark", "light"):
        switch(window, theme)
        settled(view)
        colours = Colours.of(view.palette())
        for row in range(3):
            cell = view.visualRect(view.model().index(row, 0))
            shown = seen(window, cell)
            # Beside the picture a cell shows the window's ground; a failed one has a ground of its own.
            assert shown.pixelColor(0, 0).name() == colours.window.name(), (theme, row)
            grounds[f"{theme} {row}"] = shown.pixelColor(cell.width() // 2, cell.height() - 12).name()
    assert seen(window) == light
    pictures = [row for row in range(3) if grounds[f"light {row}"] == grounds[f"dark {row}"]]
    assert len(pictures) == 1, grounds


@pytest.fixture
def steady_cursor() -> Iterator[None]:
    """The cursor in a text does not blink: what is painted depends on no clock."""
    hints = QGuiApplication.styleHints()
    usual = hints.cursorFlashTime()
    hints.setCursorFlashTime(0)
    yield
    hints.setCursorFlashTime(usual)


@pytest.mark.usefixtures("steady_cursor")
def test_every_icon_follows_the_theme(qtbot: QtBot, window: MainWindow) -> None:
    """What was painted once into a pixmap would keep the colours of the old theme."""
    window.show_crash("a report")
    qtbot.waitUntil(lambda: not window.findChild(QWidget, "message_bar").isHidden())
    settled(window)
    light = window.grab().toImage()
    switch(window, "dark")
    settled(window)
    switched = window.grab().toImage()
    window.show_crash("a report")
    settled(window)
    assert window.grab().toImage() == switched
    switch(window, "light")
    settled(window)
    assert window.grab().toImage() == light
