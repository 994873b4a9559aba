"""A drag over a whole window, told to it as the window system does: Qt decides which widget takes it."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget


class Drag:
    """Goes into a window at the widget `at`, and on to others; it ends outside or with a drop."""

    def __init__(self, window: QWidget, mime: QMimeData, at: QWidget) -> None:
        self._window = window
        self._mime = mime
        self._at = QPoint()
        enter = QDragEnterEvent(self._go_to(at), *self._rest())
        enter.ignore()
        QApplication.sendEvent(window.windowHandle(), enter)
        self.is_accepted = enter.isAccepted()
        self.move(at)

    def move(self, to: QWidget) -> None:
        event = QDragMoveEvent(self._go_to(to), *self._rest())
        # What was accepted once is so until it is refused.
        event.setAccepted(self.is_accepted)
        QApplication.sendEvent(self._window.windowHandle(), event)
        self.is_accepted = event.isAccepted()

    def leave(self) -> None:
        QApplication.sendEvent(self._window.windowHandle(), QDragLeaveEvent())

    def drop(self) -> None:
        event = QDropEvent(QPointF(self._at), *self._rest())
        QApplication.sendEvent(self._window.windowHandle(), event)

    def _go_to(self, widget: QWidget) -> QPoint:
        self._at = widget.mapTo(self._window, widget.rect().center())
        return self._at

    def _rest(self) -> tuple[Qt.DropAction, QMimeData, Qt.MouseButton, Qt.KeyboardModifier]:
        return (
            Qt.DropAction.CopyAction,
            self._mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
