"""A scroll area whose content keeps its width when the scroll bar comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent


class SteadyScrollArea(QScrollArea):
    """Scrolls a column downwards. The scroll bar stands in the column's right margin.

    The column has its layout, with that margin, already.
    """

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        layout = content.layout()
        self._margin = 0 if layout is None else layout.contentsMargins().right()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the margin to the scroll bar, or take it back; one that lies over the content takes none."""
        super().resizeEvent(event)
        content = self.widget()
        layout = None if content is None else content.layout()
        if layout is not None:
            margins = layout.contentsMargins()
            margins.setRight(max(0, self._margin - (self.width() - self.viewport().width())))
            layout.setContentsMargins(margins)
