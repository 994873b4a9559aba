"""The panel over a real session, with the work done at once, or on a real pool of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QClipboard, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import QieError
from qie_desktop.core.model import ModelSpec
from qie_desktop.core.request import Request
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.session import Session
from tests.ui.conftest import make_photo


@pytest.fixture
def pool(qapp: QApplication) -> Iterator[BackgroundPool]:
    del qapp
    pool = BackgroundPool(thread_count=2)
    yield pool
    assert pool.shut_down(5)


def _all_ready(spec: ModelSpec, request: Request | None) -> QieError | None:
    del spec, request
    return None


@pytest.fixture
def ready(session: Session) -> Session:
    """A session in which every model is ready."""
    return replace(session, readiness=_all_ready)


Show = Callable[[ControlsPanel], ControlsPanel]


@pytest.fixture
def show(qtbot: QtBot) -> Iterator[Show]:
    """Return a function that shows a panel, and holds it until the test has ended.

    pytest-qt holds widgets weakly, and one that nobody else holds may be collected while it is painted.
    """
    held: list[ControlsPanel] = []

    def show(panel: ControlsPanel) -> ControlsPanel:
        held.append(panel)
        qtbot.addWidget(panel)
        panel.resize(300, 900)
        panel.show()
        qtbot.waitExposed(panel)
        panel.activateWindow()
        return panel

    yield show


@pytest.fixture
def panel(show: Show, ready: Session, draft: Draft) -> ControlsPanel:
    """The panel, shown; what is asked of the background is done at once."""
    return show(ControlsPanel(ready, draft))


@pytest.fixture
def photos(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Return a function that puts so many pictures on disk, of a size that every model takes."""

    def photos(count: int) -> list[Path]:
        return [make_photo(tmp_path / f"photo {at}.png", (400, 384)) for at in range(count)]

    return photos


@pytest.fixture
def clipboard(qapp: QApplication) -> Iterator[QClipboard]:
    """The clipboard; emptied after the test, since what Python put there must not outlive Python."""
    clipboard = qapp.clipboard()
    yield clipboard
    clipboard.clear()


def files(*paths: Path) -> QMimeData:
    """What the Finder drags."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drag_over(widget: QWidget, mime: QMimeData) -> bool:
    """Drag over a widget; return whether it would take it."""
    event = QDragEnterEvent(
        widget.rect().center(),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def drop(widget: QWidget, mime: QMimeData) -> None:
    """Drop on a widget, as the window system does."""
    assert drag_over(widget, mime)
    event = QDropEvent(
        QPointF(widget.rect().center()),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)


def find(panel: QWidget, name: str, kind: type[QWidget] = QWidget) -> QWidget:
    found = panel.findChild(kind, name)
    assert found is not None, f"there is no {name}"
    return found
