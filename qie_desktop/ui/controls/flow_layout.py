"""Widgets in rows, as many to a row as fit.

The height follows from the width. Qt has a way to say so, but then asks for the height at the least width of
all, and so keeps far too much room free: here the widget sets its own height when its width is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent


class FlowLayout(QLayout):
    """Lays widgets out from left to right and goes on in the next row where there is no more room.

    With `even`, all are of one width, and the rows are filled and of about the same number.
    """

    def __init__(self, parent: QWidget | None = None, gap_px: int = 4, *, even: bool = False) -> None:
        super().__init__(parent)
        self._gap = gap_px
        self._even = even
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        """Add an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]  # noqa: N802 - Qt's name
        """Return an item, or None where there is none."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]  # noqa: N802 - Qt's name
        """Take an item out."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802 - Qt's name
        """It wants no more room than it needs."""
        return Qt.Orientation(0)

    def height_for(self, width: int) -> int:
        """Return the height that the rows take."""
        margins = self.contentsMargins()
        return self._arrange(QRect(0, 0, width, 0), move=False) + margins.top() + margins.bottom()

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        """Put the items in their places."""
        super().setGeometry(rect)
        self._arrange(rect.marginsRemoved(self.contentsMargins()), move=True)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the largest item: everything beyond is a matter of rows."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the largest item."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        x, y, row_height = rect.x(), rect.y(), 0
        even_width = self._even_width(rect.width()) if self._even and self._items else None
        for item in self._items:
            size = item.sizeHint()
            if even_width is not None:
                size.setWidth(even_width)
            if x > rect.x() and x + size.width() > rect.right() + 1:
                x, y, row_height = rect.x(), y + row_height + self._gap, 0
            if move:
                width = min(size.width(), rect.width())
                item.setGeometry(QRect(QPoint(x, y), QSize(width, size.height())))
            x += size.width() + self._gap
            row_height = max(row_height, size.height())
        return y + row_height - rect.y()

    def _even_width(self, room: int) -> int:
        widest = max(item.sizeHint().width() for item in self._items)
        fitting = max(1, (room + self._gap) // (widest + self._gap))
        rows = math.ceil(len(self._items) / fitting)
        columns = math.ceil(len(self._items) / rows)
        return (room - (columns - 1) * self._gap) // columns


class FlowBox(QWidget):
    """A widget whose children flow, as high as their rows are."""

    def __init__(self, parent: QWidget | None = None, gap_px: int = 4, *, even: bool = False) -> None:
        super().__init__(parent)
        self.flow = FlowLayout(self, gap_px, even=even)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def fit_height(self) -> None:
        """Be as high as the rows are at this width; call it when the children are others."""
        self.setFixedHeight(self.flow.height_for(self.width()))

    def resizeEvent(self, resized: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Make or lose rows."""
        super().resizeEvent(resized)
        self.fit_height()
