"""What is painted around and over a picture: chequers behind it, a grid between pixels, labels on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPixmap

from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QPalette

    from qie_desktop.ui.look.colours import Colours
    from qie_desktop.ui.viewer.view import Placed, View

GRID_ABOVE = 8.0
"""The pixels' grid is seen above this scale."""

_SQUARE = Spacing.s
_GRID_ALPHA = 96
_NOTE_WIDTH = 360
_RING, _RING_EDGE = 2.0, 1.0


def logical(rect: Placed, ratio: float) -> QRectF:
    """Return a rectangle of device pixels as one of the painter's."""
    return QRectF(rect.left / ratio, rect.top / ratio, rect.width / ratio, rect.height / ratio)


def paint_chequers(painter: QPainter, rect: Placed, seen: Placed, ratio: float, palette: QPalette) -> None:
    """Paint what is seen through a transparent picture in `rect`."""
    side = round(_SQUARE * ratio)
    tile = QPixmap(2 * side, 2 * side)
    light, dark = _chequer_colours(palette)
    tile.fill(light)
    on_tile = QPainter(tile)
    on_tile.fillRect(side, 0, side, side, dark)
    on_tile.fillRect(0, side, side, side, dark)
    on_tile.end()
    tile.setDevicePixelRatio(ratio)
    part = rect.within(seen)
    # The squares stay with the picture when it is moved.
    start = QPointF((part.left - rect.left) / ratio, (part.top - rect.top) / ratio)
    painter.drawTiledPixmap(logical(part, ratio), tile, start)


def paint_focus(painter: QPainter, bounds: QRectF, colours: Colours) -> None:
    """Paint a ring along the inside of `bounds`; a second line sets it off from whatever picture is below."""
    painter.save()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    # Drawn from the outside inwards, each line around its middle.
    inset = 0.0
    for colour, width in ((colours.accent, _RING), (colours.window, _RING_EDGE)):
        pen = QPen(colour, width)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        middle = inset + width / 2
        painter.drawRect(bounds.adjusted(middle, middle, -middle, -middle))
        inset += width
    painter.restore()


def _chequer_colours(palette: QPalette) -> tuple[QColor, QColor]:
    base, text = palette.color(palette.ColorRole.Base), palette.color(palette.ColorRole.Text)
    return mixed(base, text, 0.06), mixed(base, text, 0.16)


def paint_grid(painter: QPainter, view: View, seen: Placed, ratio: float, colours: Colours) -> None:
    """Paint hairlines between the picture's pixels."""
    rect = view.rect
    part = rect.within(seen)
    across, down = rect.width / view.picture.width, rect.height / view.picture.height
    lines: list[QLineF] = []
    for column in range(int((part.left - rect.left) / across), int((part.right - rect.left) / across) + 1):
        x = (round(rect.left + column * across) + 0.5) / ratio
        lines.append(QLineF(x, part.top / ratio, x, part.bottom / ratio))
    for row in range(int((part.top - rect.top) / down), int((part.bottom - rect.top) / down) + 1):
        y = (round(rect.top + row * down) + 0.5) / ratio
        lines.append(QLineF(part.left / ratio, y, part.right / ratio, y))
    colour = mixed(colours.overlay, colours.on_overlay, 0.5)
    colour.setAlpha(_GRID_ALPHA)
    pen = painter.pen()
    pen.setColor(colour)
    pen.setWidthF(1 / ratio)
    painter.setPen(pen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.drawLines(lines)


def paint_label(painter: QPainter, words: str, bounds: QRectF, colours: Colours, *, at_right: bool) -> None:
    """Paint a word on a dark pill in an upper corner of `bounds`, unless there is no room for it."""
    font = TextSize.small()
    metrics = QFontMetricsF(font)
    size = metrics.size(0, words)
    pill = QRectF(0, 0, size.width() + 2 * Spacing.s, size.height() + Spacing.s)
    if pill.width() + 2 * Spacing.s > bounds.width() or pill.height() + 2 * Spacing.s > bounds.height():
        return
    left = bounds.right() - pill.width() - Spacing.s if at_right else bounds.left() + Spacing.s
    pill.moveTo(left, bounds.top() + Spacing.s)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colours.overlay)
    painter.drawRoundedRect(pill, Radius.small, Radius.small)
    painter.setPen(colours.on_overlay)
    painter.setFont(font)
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, words)


def paint_note(painter: QPainter, words: str, bounds: QRectF, colours: Colours) -> None:
    """Paint a sentence in the middle of an empty viewer."""
    width = min(bounds.width() - 2 * Spacing.l, _NOTE_WIDTH)
    area = QRectF(0, 0, width, bounds.height())
    area.moveCenter(bounds.center())
    painter.setPen(colours.muted)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)
