"""The three panes side by side, with a hairline between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSplitter, QSplitterHandle

from qie_desktop.ui.look.colours import Colours

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QWidget


class Panes(QSplitter):
    """A splitter whose handles are one pixel wide, and grabbed a few pixels around."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("panes")
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)

    def createHandle(self) -> QSplitterHandle:  # noqa: N802 - Qt's name
        """Return a handle that is a hairline."""
        return _Hairline(self.orientation(), self)


class _Hairline(QSplitterHandle):
    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint a line in the middle: Qt makes the widget wider than what is seen, for the pointer's sake."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.contentsRect(), Colours.of(self.palette()).border)
        painter.end()
