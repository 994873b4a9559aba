"""A ring that fills, or an arc that goes round where nobody knows how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from qie_desktop.ui.look.tokens import TextSize

if TYPE_CHECKING:
    from qie_desktop.ui.look.colours import Colours

_SIDE = 56
_WIDTH = 4
_FULL = 360 * 16
_TOP = 90 * 16
_ARC = 0.28
_FAINT = 70


def paint_track(painter: QPainter, around: QRectF, colours: Colours) -> None:
    """Paint the disc in the middle of a rectangle, and on it the track that the ring fills."""
    disc, ring = _disc_and_ring(around)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colours.overlay)
    painter.drawEllipse(disc)
    track = QColor(colours.on_overlay)
    track.setAlpha(_FAINT)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(_pen(track))
    painter.drawEllipse(ring)


def paint_ring(
    painter: QPainter, around: QRectF, fraction: float | None, turn: float, colours: Colours
) -> None:
    """Paint how far it is over the track.

    `turn`, from 0 to 1, is where the arc stands for an unknown fraction. With a fraction the percentage
    stands inside.
    """
    disc, ring = _disc_and_ring(around)
    painter.setPen(_pen(colours.on_overlay))
    if fraction is None:
        painter.drawArc(ring, round(_TOP - turn * _FULL), round(-_ARC * _FULL))
    else:
        painter.drawArc(ring, _TOP, round(-_FULL * min(max(fraction, 0.0), 1.0)))
        painter.setFont(TextSize.small())
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, f"{fraction:.0%}")


def _disc_and_ring(around: QRectF) -> tuple[QRectF, QRectF]:
    disc = QRectF(0, 0, _SIDE, _SIDE)
    disc.moveCenter(around.center())
    return disc, disc.adjusted(_WIDTH + 1, _WIDTH + 1, -_WIDTH - 1, -_WIDTH - 1)


def _pen(colour: QColor) -> QPen:
    pen = QPen(colour, _WIDTH)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    return pen
