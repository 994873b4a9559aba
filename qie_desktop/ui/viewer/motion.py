"""Whether things may move, and the one movement of the viewer: from one picture into the next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractAnimation, QEasingCurve, QObject, QSettings, QVariantAnimation, Signal
from PySide6.QtWidgets import QStyle

if TYPE_CHECKING:
    from PySide6.QtGui import QPainter, QPixmap
    from PySide6.QtWidgets import QWidget

_FADE_MS = 280


def motion_is_reduced(widget: QWidget) -> bool:
    """Return whether the person has asked for less motion: in the style, or on a Mac in its settings.

    Qt 6.11 has no name for the Mac's setting: it is read from where the Mac keeps it.
    """
    if widget.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) <= 0:
        return True
    if sys.platform != "darwin":
        return False
    return bool(
        QSettings("apple.com", "universalaccess").value("reduceMotion", defaultValue=False, type=bool)
    )


class CrossFade(QObject):
    """Lets what was seen go over gently into what is seen now. It is painted last, over everything."""

    moved = Signal()
    """What is to be painted has changed."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._old: QPixmap | None = None
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(_FADE_MS)
        self._animation.setStartValue(1.0)
        self._animation.setEndValue(0.0)
        self._animation.setEasingCurve(QEasingCurve.Type.InOutQuad)
        self._animation.valueChanged.connect(self._on_value_changed)
        self._animation.finished.connect(self._on_finished)

    @property
    def is_running(self) -> bool:
        """Whether the old picture is still to be seen."""
        return self._animation.state() is QAbstractAnimation.State.Running

    def begin(self, old: QPixmap) -> None:
        """Begin with what was seen until now; nothing moves where that is not wanted."""
        if motion_is_reduced(self._widget):
            return
        self._animation.stop()
        self._old = old
        self._animation.start()

    def stop(self) -> None:
        """Show what is there now, at once."""
        self._animation.stop()
        self._old = None

    def paint(self, painter: QPainter) -> None:
        """Paint what is left of the old picture."""
        if self._old is not None and self.is_running:
            painter.setOpacity(float(self._animation.currentValue()))
            painter.drawPixmap(0, 0, self._old)
            painter.setOpacity(1.0)

    def _on_value_changed(self, _value: object) -> None:
        self.moved.emit()

    def _on_finished(self) -> None:
        self._old = None
        self.moved.emit()
