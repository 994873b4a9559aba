"""Boxes that the wheel changes only while they have the focus, so that scrolling past alters nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox

if TYPE_CHECKING:
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QWidget

    _AnyBox = QWidget
else:
    # Of two of Qt's classes together Python would make two objects: this is a class of Python's own.
    _AnyBox = object


class _Steady(_AnyBox):
    """Stands before the box's own class, and has the wheel first."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, turned: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the wheel to the scroll area unless this is what has the focus."""
        if self.hasFocus():
            super().wheelEvent(turned)
        else:
            turned.ignore()


class SteadySpinBox(_Steady, QSpinBox):
    """A whole number."""


class SteadyDoubleSpinBox(_Steady, QDoubleSpinBox):
    """A number with places after the point."""


class SteadyComboBox(_Steady, QComboBox):
    """A pop-up list."""
