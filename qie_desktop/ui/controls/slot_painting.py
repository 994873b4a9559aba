"""How a slot is drawn: a picture in a rounded frame with its number and badge, or an inviting empty one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QImage, QPainter, QPainterPath, QPen

from qie_desktop.ui.look.contrast import mixed
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from qie_desktop.ui.look.colours import Colours

_BADGE_PX, _SMALL_BADGE_PX = 18, 14
_SMALL_BELOW_PX = 60
"""A slot lower than this has one small plate for both marks: two plates would hide the picture."""
_OVERLAP_PX = 3
"""By how much number and icon are closer on a plate for both than they would be on two."""
_ICON_PX = 18
_INSET = 4
_LIT, _AIMED_AT = 0.1, 0.25
"""How much of the accent colour the ground has under a drag."""
_LABEL_FROM_PX = 96
"""The width from which a slot has room for words."""


@dataclass(frozen=True, slots=True)
class SlotLook:
    """What is seen of a slot. `words` stand in an empty one; `number` is None where there is but one.

    `lit`: a drag is over the window; `aimed_at`: it is over this very slot.
    """

    image: QImage | None = None
    number: int | None = None
    words: str = ""
    empty_icon: QIcon | None = None
    badge: QIcon | None = None
    wrong: bool = False
    lit: bool = False
    aimed_at: bool = False
    hovered: bool = False
    focused: bool = False


def paint_slot(painter: QPainter, rect: QRect, look: SlotLook, colours: Colours) -> None:
    """Paint a slot into the rectangle."""
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    frame = QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5)
    path = QPainterPath()
    path.addRoundedRect(frame, Radius.small, Radius.small)
    if look.image is None:
        _paint_empty(painter, path, frame, look, colours)
    else:
        painter.fillPath(path, colours.field)
        painter.setClipPath(path)
        _paint_covering(painter, frame, look.image)
        if look.aimed_at:
            veil = QColor(colours.accent)
            veil.setAlphaF(_AIMED_AT)
            painter.fillPath(path, veil)
        painter.setClipping(False)
        painter.setPen(QPen(colours.border, 1))
        painter.drawPath(path)
    _paint_outline(painter, frame.adjusted(0.5, 0.5, -0.5, -0.5), look, colours)
    if look.image is not None:
        _paint_marks(painter, frame, look, colours)


def _paint_empty(
    painter: QPainter, path: QPainterPath, frame: QRectF, look: SlotLook, colours: Colours
) -> None:
    accent = _AIMED_AT if look.aimed_at else _LIT
    ground = mixed(colours.surface, colours.accent, accent) if look.lit else colours.field
    painter.fillPath(path, mixed(ground, colours.text, 0.03) if look.hovered else ground)
    pen = QPen(mixed(colours.border, colours.text, 0.15), 1, Qt.PenStyle.CustomDashLine)
    pen.setDashPattern([4, 3])
    painter.setPen(pen)
    painter.drawPath(path)
    words = look.words if frame.width() >= _LABEL_FROM_PX else ""
    painter.setFont(TextSize.small())
    metrics = painter.fontMetrics()
    box = metrics.boundingRect(
        frame.toRect().adjusted(Spacing.s, 0, -Spacing.s, 0), Qt.TextFlag.TextWordWrap.value, words
    )
    gap = Spacing.xs if words else 0
    height = _ICON_PX + gap + (box.height() if words else 0)
    top = frame.center().y() - height / 2
    if look.empty_icon is not None:
        spot = QPointF(frame.center().x() - _ICON_PX / 2, top).toPoint()
        look.empty_icon.paint(painter, QRect(spot, QSize(_ICON_PX, _ICON_PX)))
    if words:
        painter.setPen(colours.muted)
        area = QRectF(
            frame.left() + Spacing.s, top + _ICON_PX + gap, frame.width() - 2 * Spacing.s, box.height() + 2
        )
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(area, flags, words)


def _paint_covering(painter: QPainter, frame: QRectF, image: QImage) -> None:
    """Fill the frame with the middle of the picture, without distorting it."""
    scale = max(frame.width() / image.width(), frame.height() / image.height())
    width, height = frame.width() / scale, frame.height() / scale
    source = QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)
    painter.drawImage(frame, image, source)


def _paint_outline(painter: QPainter, frame: QRectF, look: SlotLook, colours: Colours) -> None:
    colour = colours.accent if look.lit or look.focused else colours.danger if look.wrong else None
    if colour is not None:
        painter.setPen(QPen(colour, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame, Radius.small, Radius.small)


def _paint_marks(painter: QPainter, frame: QRectF, look: SlotLook, colours: Colours) -> None:
    small = frame.height() < _SMALL_BELOW_PX
    side = _SMALL_BADGE_PX if small else _BADGE_PX
    number = QRectF(frame.left() + _INSET, frame.top() + _INSET, side, side)
    if small:
        # Below the button to clear the slot, which has the upper corner while the pointer is there.
        number.moveBottom(frame.bottom() - _INSET)
    badge = QRectF(number)
    shared = small and look.number is not None and look.badge is not None
    if shared:
        badge.moveLeft(number.right() - _OVERLAP_PX)
        _paint_plate(painter, number.united(badge), colours.overlay)
    else:
        badge.moveBottomRight(frame.bottomRight() - QPointF(_INSET, _INSET))
    if look.number is not None:
        font = TextSize.small(TextSize.small()) if small else TextSize.small()
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        if not shared:
            _paint_plate(painter, number, colours.overlay)
        painter.setPen(colours.on_overlay)
        painter.drawText(number, Qt.AlignmentFlag.AlignCenter, str(look.number))
    if look.badge is not None:
        if not shared:
            _paint_plate(painter, badge, colours.overlay)
        edge = side // 6
        look.badge.paint(painter, badge.adjusted(edge, edge, -edge, -edge).toRect())


def _paint_plate(painter: QPainter, spot: QRectF, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(spot, spot.height() / 2, spot.height() / 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
