"""Before and after: whether they are compared, and the divider between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractSlider

from qie_desktop.ui.look.colours import Colours

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.geometry import Size
    from qie_desktop.ui.viewer.view import Placed

_RANGE = 10_000
_STEP, _LEAP = _RANGE // 100, _RANGE // 10
_GRIP = 28
_GRIP_RADIUS = 11.0
_CHEVRON = 3.0
_SAME_RATIO = 0.01


def aligned(rect: Placed, before: Size, after: Size) -> Placed:
    """Return where an input is painted so that it lies on the result, which is painted in `rect`.

    The same place where they have the same proportions, as with every edit; else as much of it as holds it.
    """
    ratio = (before.width / before.height) / (after.width / after.height)
    if abs(ratio - 1) < _SAME_RATIO:
        return rect
    width = rect.width if ratio > 1 else max(1, round(rect.width * ratio))
    height = rect.height if ratio < 1 else max(1, round(rect.height / ratio))
    left, top = rect.left + (rect.width - width) // 2, rect.top + (rect.height - height) // 2
    return type(rect)(left, top, width, height)


class Divider(QAbstractSlider):
    """The line between before and after: dragged, or moved with the arrow keys."""

    keyboard_lost = Signal()
    """The keyboard moves something else now."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("compare_divider")
        self.setAccessibleName("Divider between before and after")
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setRange(0, _RANGE)
        self.setSingleStep(_STEP)
        self.setPageStep(_LEAP)
        self.setValue(_RANGE // 2)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self._track = QRect()
        self._grabbed_at = 0.0
        self._faint = False
        self.hide()

    @property
    def fraction(self) -> float:
        """Where it stands on the picture: 0 at the left, 1 at the right."""
        return self.value() / _RANGE

    def set_faint(self, faint: bool) -> None:
        """Be there without being seen: hidden, it would lose the keyboard."""
        if faint != self._faint:
            self._faint = faint
            self.update()

    def lay_over(self, track: QRect, x: float) -> None:
        """Stand at `x`, to be moved along `track`, in the parent's pixels."""
        self._track = track
        self.setGeometry(round(x) - _GRIP // 2, track.top(), _GRIP, track.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take hold of it where it was pressed."""
        if event.button() is not Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._grabbed_at = event.position().x() - self.width() / 2
        self.setSliderDown(True)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the pointer."""
        if self.isSliderDown() and self._track.width() > 0:
            x = self.mapToParent(event.position()).x() - self._grabbed_at
            self.setValue(round((x - self._track.left()) / self._track.width() * _RANGE))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        del event
        self.setSliderDown(False)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the line and its grip, ringed in the accent colour while it has the keyboard."""
        del event
        if self._faint:
            return
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.width() / 2, self.height() / 2)
        painter.fillRect(QRectF(middle.x() - 1.5, 0, 3, self.height()), colours.overlay)
        painter.fillRect(QRectF(middle.x() - 0.5, 0, 1, self.height()), colours.on_overlay)
        ring = colours.accent if self.hasFocus() else colours.on_overlay
        painter.setPen(QPen(ring, 2 if self.hasFocus() else 1.5))
        fill = colours.overlay
        fill.setAlpha(255)
        painter.setBrush(fill)
        painter.drawEllipse(middle, _GRIP_RADIUS, _GRIP_RADIUS)
        painter.setPen(
            QPen(
                colours.on_overlay,
                1.5,
                Qt.PenStyle.SolidLine,
                Qt.PenCapStyle.RoundCap,
                Qt.PenJoinStyle.RoundJoin,
            )
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(_chevron(middle, -1))
        painter.drawPath(_chevron(middle, 1))

    def focusInEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Show that the keyboard moves it."""
        del event
        self.update()

    def focusOutEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Show that the keyboard moves something else."""
        del event
        self.update()
        self.keyboard_lost.emit()


class Comparison(QObject):
    """Whether before and after are compared, by the divider or by holding a key. GUI thread only."""

    changed = Signal()
    """What is to be painted has changed."""
    toggled = Signal(bool)
    """bool: whether the divider is there now."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.divider = Divider(canvas)
        self.divider.valueChanged.connect(self._on_value_changed)
        self.divider.keyboard_lost.connect(self._on_keyboard_lost)
        self._wanted = False
        self._available = False
        self._flipped = False

    @property
    def is_available(self) -> bool:
        """Whether what is shown has something to be compared with."""
        return self._available

    @property
    def is_on(self) -> bool:
        """Whether the divider is wanted and there is something to be compared."""
        return self._wanted and self._available

    @property
    def is_flipped(self) -> bool:
        """Whether the input alone is seen, for as long as a key is held."""
        return self._flipped and self._available

    def set_wanted(self, wanted: bool) -> None:
        """Compare or do not; it is remembered while something is shown that has no input."""
        self._change(wanted, self._available)

    def set_available(self, available: bool) -> None:
        """Say whether what is shown has an input to be compared with."""
        self._change(self._wanted, available)

    def set_flipped(self, flipped: bool) -> None:
        """Show the input alone, or no longer."""
        if flipped != self._flipped:
            self._flipped = flipped
            self.changed.emit()

    def split(self, visible: Placed) -> int:
        """Return the column, in device pixels, where the result begins."""
        return visible.left + round(visible.width * self.divider.fraction)

    def lay_out(self, visible: Placed, ratio: float, *, shown: bool) -> None:
        """Put the divider over the part of the picture that is seen."""
        self.divider.setVisible(shown and self.is_on and visible.width > 0)
        self.divider.set_faint(self._flipped)
        track = QRect(
            round(visible.left / ratio),
            round(visible.top / ratio),
            round(visible.width / ratio),
            round(visible.height / ratio),
        )
        self.divider.lay_over(track, self.split(visible) / ratio)

    def _change(self, wanted: bool, available: bool) -> None:
        before = self.is_on
        if (wanted, available) == (self._wanted, self._available):
            return
        self._wanted, self._available = wanted, available
        self.changed.emit()
        if self.is_on != before:
            self.toggled.emit(self.is_on)

    @Slot(int)
    def _on_value_changed(self, _value: int) -> None:
        self.changed.emit()

    @Slot()
    def _on_keyboard_lost(self) -> None:
        # The release of a held key will never be heard.
        self.set_flipped(flipped=False)


def _chevron(middle: QPointF, side: int) -> QPainterPath:
    tip = QPointF(middle.x() + side * 2.2 * _CHEVRON, middle.y())
    path = QPainterPath(tip + QPointF(-side * _CHEVRON, -_CHEVRON))
    path.lineTo(tip)
    path.lineTo(tip + QPointF(-side * _CHEVRON, _CHEVRON))
    return path
