"""Boxes that the wheel changes only while they have the focus, so that scrolling past alters nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox

if TYPE_CHECKING:
    from PySide6.QtGui import QWheelEvent


class SteadySpinBox(QSpinBox):
    """A whole number."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, turned: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the wheel to the scroll area unless this is what has the focus."""
        if self.hasFocus():
            super().wheelEvent(turned)
        else:
            turned.ignore()


class SteadyDoubleSpinBox(QDoubleSpinBox):
    """A number with places after the point."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, turned: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the wheel to the scroll area unless this is what has the focus."""
        if self.hasFocus():
            super().wheelEvent(turned)
        else:
            turned.ignore()


class SteadyComboBox(QComboBox):
    """A pop-up list."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, turned: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the wheel to the scroll area unless this is what has the focus."""
        if self.hasFocus():
            super().wheelEvent(turned)
        else:
            turned.ignore()
