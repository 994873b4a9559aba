"""A panel that opens under a button and closes when anything else is clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QFrame, QWidget

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Radius, Spacing

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent


class Popup(QFrame):
    """A floating panel with rounded corners. Escape closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(
            parent,
            Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint,
        )
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)

    def show_under(self, anchor: QWidget) -> None:
        """Open below a widget, or above it where there is no room, and always on the screen."""
        self.ensurePolished()
        self.resize(self.sizeHint().expandedTo(self.minimumSize()))
        spot = anchor.mapToGlobal(QPoint(0, anchor.height() + Spacing.xs))
        screen = anchor.screen().availableGeometry()
        if spot.y() + self.height() > screen.bottom():
            above = anchor.mapToGlobal(QPoint(0, -Spacing.xs - self.height())).y()
            spot.setY(max(screen.top(), above if above >= screen.top() else screen.bottom() - self.height()))
        spot.setX(max(screen.left(), min(spot.x(), screen.right() - self.width())))
        self.move(spot)
        self.show()

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the panel."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(colours.surface)
        painter.setPen(QPen(colours.border, 1))
        face = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(face, Radius.medium, Radius.medium)
        painter.end()
