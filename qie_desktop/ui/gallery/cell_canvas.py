"""The pieces of which a cell is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFontMetrics,
    QIcon,
    QImage,
    QPainter,
    QPen,
    QPixmap,
    QTransform,
)

from qie_desktop.ui.gallery.cell_parts import INSET, RETRY, Part, badge_rect, picture_rect, retry_rect
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from PySide6.QtWidgets import QWidget


_RING = 3
_ICON = 20
_BADGE_ICON = 14
_MOST_STAMPS = 64


class CellLook:
    """Colours, icons and font of the cells of a widget; looked up once for each palette."""

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._key = 0
        self._colours = Colours.of(widget.palette())
        self._icons: dict[tuple[str, Tone], QIcon] = {}
        self._stamps: dict[Hashable, QPixmap] = {}
        self.font = TextSize.small()
        self.metrics = QFontMetrics(self.font)

    def colours(self) -> Colours:
        """Return the colours of the widget's palette as it is now."""
        palette = self._widget.palette()
        if palette.cacheKey() != self._key:
            self._key, self._colours = palette.cacheKey(), Colours.of(palette)
            self._stamps.clear()
        return self._colours

    def icon(self, name: str, tone: Tone) -> QIcon:
        """Return an icon, which follows the palette by itself."""
        found = self._icons.get((name, tone))
        if found is None:
            found = self._icons[name, tone] = icon(name, self._widget, tone)
        return found

    def stamp(self, key: Hashable) -> QPixmap | None:
        """Return what was kept under this key in the colours of now."""
        return self._stamps.get(key)

    def keep_stamp(self, key: Hashable, stamp: QPixmap) -> None:
        """Keep something that is painted often."""
        if len(self._stamps) >= _MOST_STAMPS:
            self._stamps.clear()
        self._stamps[key] = stamp


@dataclass(frozen=True, slots=True)
class CellCanvas:
    """One cell that is being painted: `rect` is all of it."""

    painter: QPainter
    rect: QRect
    colours: Colours
    look: CellLook

    @property
    def area(self) -> QRect:
        """Where the picture goes."""
        return picture_rect(self.rect)

    def stamped(self, key: Hashable, paint: Callable[[CellCanvas], None]) -> None:
        """Paint what looks the same in each cell of this size and `key`: once, and from then on as a whole.

        Beside threads that work, every call into Qt may have to wait: a cell of one call is quick.
        """
        size, ratio = self.rect.size(), self.painter.device().devicePixelRatio()
        key = (key, size.width(), size.height(), ratio)
        stamp = self.look.stamp(key)
        if stamp is None:
            stamp = QPixmap(size * ratio)
            stamp.setDevicePixelRatio(ratio)
            stamp.fill(Qt.GlobalColor.transparent)
            painter = QPainter(stamp)
            painter.setRenderHints(self.painter.renderHints())
            paint(CellCanvas(painter, QRect(QPoint(0, 0), size), self.colours, self.look))
            painter.end()
            self.look.keep_stamp(key, stamp)
        self.painter.drawPixmap(self.rect.topLeft(), stamp)

    def ground(self) -> None:
        """Paint what lies there before there is a picture."""
        self._rounded(QRectF(self.area), self.colours.surface, self.colours.border, Radius.medium)

    def forming(self, preview: QImage) -> None:
        """Paint the forming picture, cropped to the cell about its middle."""
        side = min(preview.width(), preview.height())
        scale = self.area.width() / side
        left = self.area.x() - (preview.width() - side) / 2 * scale
        top = self.area.y() - (preview.height() - side) / 2 * scale
        brush = QBrush(preview)
        brush.setTransform(QTransform(scale, 0, 0, scale, left, top))
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(brush)
        self.painter.drawRoundedRect(self.area, Radius.medium, Radius.medium)

    def sign(self, name: str, tone: Tone, top: int | None = None) -> QRect:
        """Paint an icon in the middle, or in the middle of the width, and return where it is."""
        rect = QRect(0, 0, _ICON, _ICON)
        rect.moveCenter(self.area.center())
        if top is not None:
            rect.moveTop(top)
        self.look.icon(name, tone).paint(self.painter, rect)
        return rect

    def badge(self, part: Part, name: str, *, pressed: bool) -> None:
        """Paint a round button over the picture."""
        area = badge_rect(self.rect, part)
        if pressed:
            area = area.adjusted(1, 1, -1, -1)
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(self.colours.overlay)
        self.painter.drawEllipse(area)
        rect = QRect(0, 0, _BADGE_ICON, _BADGE_ICON)
        rect.moveCenter(area.center())
        self.look.icon(name, Tone.ON_OVERLAY).paint(self.painter, rect)

    def caption(self, text: str) -> None:
        """Paint a word or two over the foot of the picture."""
        metrics = self.look.metrics
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.area.width() - 2 * Spacing.l)
        pill = QRectF(0, 0, metrics.horizontalAdvance(text) + 2 * Spacing.s, metrics.height() + Spacing.xs)
        pill.moveCenter(QRectF(self.area).center())
        pill.moveBottom(self.area.bottom() - Spacing.s)
        self._rounded(pill, self.colours.overlay, None, pill.height() / 2)
        self._text(pill, text, self.colours.on_overlay)

    def retry_button(self, *, pressed: bool) -> QRect:
        """Paint the button to try again, and return where it is."""
        rect = retry_rect(self.rect, self.look.metrics)
        fill = self.colours.border if pressed else self.colours.button
        self._rounded(QRectF(rect), fill, self.colours.border, Radius.small)
        self._text(QRectF(rect), RETRY, self.colours.text)
        return rect

    def outline(self, *, selected: bool) -> None:
        """Paint the ring of the selection, or the fine line of the focus."""
        width = _RING if selected else 1
        half = width / 2
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.setPen(QPen(self.colours.accent, width))
        radius = Radius.medium + INSET - half
        self.painter.drawRoundedRect(QRectF(self.rect).adjusted(half, half, -half, -half), radius, radius)

    def _rounded(self, rect: QRectF, fill: QColor, line: QColor | None, radius: float) -> None:
        self.painter.setBrush(fill)
        if line is None:
            self.painter.setPen(Qt.PenStyle.NoPen)
        else:
            self.painter.setPen(QPen(line, 1))
            rect = rect.adjusted(0.5, 0.5, -0.5, -0.5)
        self.painter.drawRoundedRect(rect, radius, radius)

    def _text(self, rect: QRectF, text: str, colour: QColor) -> None:
        self.painter.setPen(colour)
        self.painter.setFont(self.look.font)
        self.painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
