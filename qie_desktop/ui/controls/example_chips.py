"""Examples of what a model can be asked for, to take with a click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from qie_desktop.ui.controls.flow_layout import FlowBox
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from qie_desktop.ui.draft import Draft

_HEIGHT_PX = 22


class ExampleChips(FlowBox):
    """The examples of the draft's model; hidden where it has none. A click makes one the prompt."""

    def __init__(self, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent, Spacing.xs)
        self.setObjectName("prompt_examples")
        self.setAccessibleName("Examples")
        self.flow.setContentsMargins(0, Spacing.xs, 0, 0)
        self._draft = draft
        self._chips: list[_Chip] = []
        draft.model_changed.connect(self._on_model_changed)
        self._on_model_changed()

    @Slot()
    def _on_model_changed(self) -> None:
        examples = self._draft.spec.examples
        for chip in self._chips:
            self.flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._chips = [_Chip(text) for text in examples]
        for chip in self._chips:
            chip.clicked.connect(self._on_chip_clicked)
            self.flow.addWidget(chip)
            chip.show()
        self.setVisible(bool(examples))
        self.fit_height()

    @Slot()
    def _on_chip_clicked(self) -> None:
        chip = self.sender()
        if isinstance(chip, QAbstractButton):
            self._draft.set_prompt(chip.text())


class _Chip(QAbstractButton):
    """One example."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setText(text)
        self.setAccessibleName(f"Example: {text}")
        self.setFont(TextSize.small())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As wide as its words."""
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2 * Spacing.s + 2, _HEIGHT_PX)

    def paintEvent(self, _paint: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint a quiet pill."""
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        face = QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75)
        strength = 0.18 if self.isDown() else 0.1 if self.underMouse() else 0.05
        painter.setBrush(mixed(colours.surface, colours.text, strength))
        painter.setPen(QPen(colours.accent, 1.5) if self.hasFocus() else QPen(colours.border, 1))
        painter.drawRoundedRect(face, face.height() / 2, face.height() / 2)
        painter.setPen(colours.text)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()
