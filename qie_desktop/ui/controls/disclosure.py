"""A disclosure triangle with words beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QPaintEvent

_ICON_PX = 12
_HEIGHT_PX = 22


class Disclosure(QAbstractButton):
    """Opens and closes what stands under it. The arrow keys to the right and to the left do so too."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(TextSize.small())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as its words."""
        return QSize(_ICON_PX + Spacing.s + self.fontMetrics().horizontalAdvance(self.text()), _HEIGHT_PX)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Open and close by the keys that do so in lists, and by Return."""
        match pressed.key():
            case Qt.Key.Key_Right:
                self.setChecked(True)
            case Qt.Key.Key_Left:
                self.setChecked(False)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.click()
            case _:
                super().keyPressEvent(pressed)

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the triangle and the words."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        name = "chevron_down" if self.isChecked() else "chevron_right"
        tone = Tone.TEXT if self.underMouse() else Tone.MUTED
        icon(name, self, tone).paint(painter, QRect(0, (self.height() - _ICON_PX) // 2, _ICON_PX, _ICON_PX))
        painter.setPen(colours.text if self.underMouse() else colours.muted)
        room = self.rect().adjusted(_ICON_PX + Spacing.xs, 0, 0, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        if self.hasFocus():
            painter.setPen(QPen(colours.accent, 1.5))
            width = self.sizeHint().width() + Spacing.xs
            face = QRectF(0.75, 0.75, min(width, self.width()) - 1.5, self.height() - 1.5)
            painter.drawRoundedRect(face, Radius.small, Radius.small)
        painter.end()
