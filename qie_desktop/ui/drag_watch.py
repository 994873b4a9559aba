"""Hears of a drag over a window from its beginning to its end, whichever widget takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QDragEnterEvent

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_ENDS = frozenset({QEvent.Type.DragLeave, QEvent.Type.Drop})


class DragWatch(QObject):
    """Looks at the drags that the window system tells a window of. GUI thread only.

    To a widget a drag is over as soon as a child of it takes drops, too; to the window itself, as the
    window system knows it, it is over once it has left the window or was dropped.
    """

    entered = Signal(object)
    """QMimeData: what is being dragged; it lives as long as the drag."""
    ended = Signal()
    """It has left the window, or was dropped."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window

    def begin(self) -> None:
        """Look from now on. The window has been shown: before, the window system knows nothing of it."""
        self._window.windowHandle().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Tell, and leave the event to the widgets."""
        del watched
        kind = event.type()
        if kind is QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            self.entered.emit(event.mimeData())
        elif kind in _ENDS:
            self.ended.emit()
        return False
