"""What to do first, and files dropped there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.model import ModelKind
from qie_desktop.ui.viewer.empty_state import EmptyState
from qie_desktop.ui.viewer.panel import ViewerPanel


@pytest.fixture
def empty(panel: ViewerPanel) -> EmptyState:
    found = panel.findChild(EmptyState, "empty_state")
    assert isinstance(found, EmptyState)
    return found


@pytest.mark.parametrize("kind", list(ModelKind))
def test_what_to_do_depends_on_the_kind_of_model(
    panel: ViewerPanel, empty: EmptyState, kind: ModelKind
) -> None:
    panel.invite(kind)
    QApplication.processEvents()
    button = empty.findChild(QPushButton, "empty_open")
    assert isinstance(button, QPushButton)
    takes_images = any(spec.inputs.maximum for spec in CATALOGUE if spec.kind is kind)
    assert button.isVisible() == takes_images
    for name in ("empty_title", "empty_text"):
        label = empty.findChild(QLabel, name)
        assert isinstance(label, QLabel)
        assert label.text() in empty.accessibleName()
        assert label.height() >= label.heightForWidth(label.width())


def drop(empty: EmptyState, mime: QMimeData) -> bool:
    enter = QDragEnterEvent(
        QPoint(50, 50),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(empty, enter)
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(empty, event)
    assert enter.isAccepted() == event.isAccepted()
    return event.isAccepted()


def test_files_dropped_on_it_are_handed_over_in_their_order(
    panel: ViewerPanel, empty: EmptyState, tmp_path: Path, noise: Path, qtbot: QtBot
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(noise)), QUrl.fromLocalFile(str(tmp_path))])
    with qtbot.waitSignal(panel.files_dropped) as dropped:
        assert drop(empty, mime)
    assert dropped.args == [[noise, tmp_path]]


@pytest.mark.parametrize("what", ["text", "web"])
def test_anything_else_dropped_on_it_is_left_to_the_window(
    panel: ViewerPanel, empty: EmptyState, what: str
) -> None:
    dropped: list[object] = []
    panel.files_dropped.connect(dropped.append)
    mime = QMimeData()
    if what == "text":
        mime.setText("hello")
    else:
        mime.setUrls([QUrl("https://example.com/cat.jpg")])
    assert not drop(empty, mime)
    assert not dropped


def test_it_lights_up_while_files_are_over_it(empty: EmptyState, noise: Path) -> None:
    calm = empty.grab().toImage()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(noise))])
    enter = QDragEnterEvent(
        QPoint(9, 9),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(empty, enter)
    assert empty.grab().toImage() != calm
    QApplication.sendEvent(empty, QDragLeaveEvent())
    assert empty.grab().toImage() == calm


def test_open_images_is_asked_for(panel: ViewerPanel, empty: EmptyState, qtbot: QtBot) -> None:
    button = empty.findChild(QPushButton, "empty_open")
    assert button is not None
    with qtbot.waitSignal(panel.open_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
