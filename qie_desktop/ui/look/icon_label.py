"""An icon that stands by itself, in the colours of the theme as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from qie_desktop.ui.look.icons import Tone, icon

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon, QPaintEvent


class IconLabel(QWidget):
    """Shows one icon in its middle. A label with a pixmap would keep the colours of the theme before."""

    def __init__(
        self, side_px: int, name: str = "", tone: Tone = Tone.TEXT, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._side = side_px
        self._icon: QIcon | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if name:
            self.show_icon(name, tone)

    def show_icon(self, name: str, tone: Tone) -> None:
        """Show an icon of `icons.GLYPHS`."""
        self._icon = icon(name, self, tone)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As large as the icon."""
        return QSize(self._side, max(self._side, self.minimumHeight()))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the icon."""
        if self._icon is not None:
            painter = QPainter(self)
            square = QRect(0, 0, self._side, self._side)
            square.moveCenter(self.rect().center())
            self._icon.paint(painter, square)
            painter.end()
