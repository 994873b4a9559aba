"""Where the picture stands: the canvas or what to do first, and the message bar over either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedLayout, QWidget

from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.empty_state import EmptyState
from qie_desktop.ui.viewer.message_bar import SHADOW_PX, MessageBar

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_BAR_WIDTH = 568
_BAR_EDGE = Spacing.l - SHADOW_PX
"""So that the bar itself, without its shadow, stands as far from the edges as a picture does."""


class Stage(QWidget):
    """Holds the canvas, the empty state and the message bar, and keeps the bar where it belongs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        pages = QWidget(self)
        self._pages = pages
        self.canvas = Canvas(pages)
        self.empty = EmptyState(pages)
        self._stack = QStackedLayout(pages)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.canvas)
        self.bar = MessageBar(self)
        self.bar.resized.connect(self._on_bar_resized)

    def show_canvas(self, shown: bool) -> None:
        """Show the canvas, or what to do first."""
        self._stack.setCurrentWidget(self.canvas if shown else self.empty)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Lay the pages over all, and the bar over their top."""
        del event
        self._pages.setGeometry(self.rect())
        self._on_bar_resized()

    @Slot()
    def _on_bar_resized(self) -> None:
        width = max(1, min(_BAR_WIDTH, self.width() - 2 * _BAR_EDGE))
        layout = self.bar.layout()
        if layout is not None:
            layout.activate()
        height = self.bar.heightForWidth(width)
        self.bar.setGeometry((self.width() - width) // 2, _BAR_EDGE, width, height)
