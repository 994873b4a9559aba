"""A friendly picture for when there is none, drawn in the palette's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.tokens import Radius

if TYPE_CHECKING:
    from PySide6.QtGui import QColor, QPaintEvent

_SIZE = QSize(208, 144)
_PHOTO = QRectF(-58, -43, 116, 86)
_EDGE = 7.0


class Illustration(QWidget):
    """Two photographs, one becoming the other, and a spark."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As large as it is drawn."""
        return _SIZE

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw it."""
        del event
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        quiet = mixed(colours.window, colours.text, 0.12)
        calm = mixed(colours.window, colours.text, 0.26)
        sky = mixed(colours.window, colours.accent, 0.28)
        hills = mixed(colours.window, colours.accent, 0.75)
        self._draw_photo(painter, colours, QPointF(84, 68), -8, (quiet, calm, calm))
        self._draw_photo(painter, colours, QPointF(122, 80), 6, (sky, hills, colours.on_accent))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.accent)
        painter.drawPath(_spark(QPointF(180, 26), 15))
        painter.drawPath(_spark(QPointF(197, 48), 7))

    def _draw_photo(
        self,
        painter: QPainter,
        colours: Colours,
        middle: QPointF,
        angle: float,
        parts: tuple[QColor, QColor, QColor],
    ) -> None:
        """Draw a print with a landscape on it: sky, hills and sun."""
        sky, hills, sun = parts
        painter.save()
        painter.translate(middle)
        painter.rotate(angle)
        painter.setPen(QPen(colours.border, 1))
        painter.setBrush(colours.field)
        painter.drawRoundedRect(_PHOTO, Radius.small, Radius.small)
        inner = _PHOTO.adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
        clip = QPainterPath()
        clip.addRoundedRect(inner, 3, 3)
        painter.setClipPath(clip)
        painter.fillRect(inner, sky)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(sun)
        painter.drawEllipse(QPointF(inner.right() - 22, inner.top() + 20), 9, 9)
        painter.setBrush(mixed(sky, hills, 0.55))
        painter.drawPath(_hill(inner, 0.18, 0.42))
        painter.setBrush(hills)
        painter.drawPath(_hill(inner, 0.62, 0.56))
        painter.restore()


def _hill(ground: QRectF, at: float, top: float) -> QPainterPath:
    peak = QPointF(ground.left() + ground.width() * at, ground.top() + ground.height() * top)
    reach = ground.width() * 0.62
    path = QPainterPath(QPointF(peak.x() - reach, ground.bottom() + 1))
    path.quadTo(QPointF(peak.x() - reach * 0.3, peak.y()), peak)
    path.quadTo(QPointF(peak.x() + reach * 0.3, peak.y()), QPointF(peak.x() + reach, ground.bottom() + 1))
    path.closeSubpath()
    return path


def _spark(middle: QPointF, size: float) -> QPainterPath:
    path = QPainterPath(middle + QPointF(0, -size))
    for point in (QPointF(size, 0), QPointF(0, size), QPointF(-size, 0), QPointF(0, -size)):
        path.quadTo(middle, middle + point)
    return path
