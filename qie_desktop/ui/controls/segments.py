"""A few short choices side by side, of which one is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.tokens import Radius, Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from qie_desktop.core.parameters import Choice

_HEIGHT_PX = 26
_PADDING_PX = 8


class Segments(QWidget):
    """A segmented control. The arrow keys choose; Tab goes past it."""

    chosen = Signal(str)
    """str: the value that the person chose."""

    def __init__(self, choices: Sequence[Choice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, _Segment] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        for choice in choices:
            button = _Segment(choice.label)
            button.setToolTip(choice.help)
            self._buttons[choice.value] = button
            self._group.addButton(button)
            row.addWidget(button)
        self._group.buttonClicked.connect(self._on_button_clicked)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def value(self) -> str:
        """The choice that is taken, or nothing."""
        return next((value for value, button in self._buttons.items() if button.isChecked()), "")

    def set_value(self, value: str) -> None:
        """Show a choice as taken."""
        if value in self._buttons:
            self._buttons[value].setChecked(True)

    def button(self, value: str) -> QAbstractButton:
        """Return the segment of a value. Raises KeyError."""
        return self._buttons[value]

    def describe(self, name: str, help_text: str) -> None:
        """Set what is read out of each segment."""
        self.setAccessibleName(name)
        self.setToolTip(help_text)
        for button in self._buttons.values():
            button.setAccessibleName(f"{name}: {button.text()}")

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the trough that the segments lie in."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mixed(colours.window, colours.text, 0.1))
        painter.drawRoundedRect(QRectF(self.rect()), Radius.small, Radius.small)
        painter.end()

    @Slot(QAbstractButton)
    def _on_button_clicked(self, _button: QAbstractButton) -> None:
        self.chosen.emit(self.value)


class _Segment(QAbstractButton):
    """One of the choices."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.setText(label)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as its words."""
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2 * _PADDING_PX, _HEIGHT_PX - 4)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A little less, where there is little room."""
        return self.sizeHint() - QSize(_PADDING_PX, 0)

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the words, raised where this is the one taken."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        face = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.isChecked():
            raised = mixed(colours.window, colours.text, 0.28) if colours.is_dark else colours.field
            painter.setBrush(raised)
            painter.setPen(QPen(colours.border, 1))
            painter.drawRoundedRect(face, Radius.small - 1, Radius.small - 1)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colours.accent, 2))
            painter.drawRoundedRect(face.adjusted(0.5, 0.5, -0.5, -0.5), Radius.small - 1, Radius.small - 1)
        painter.setPen(colours.text)
        room = self.rect().adjusted(Spacing.xs, 0, -Spacing.xs, 0)
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
