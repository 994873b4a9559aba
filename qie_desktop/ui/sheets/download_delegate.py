"""How a part of a model is painted in the list: its mark, its words, its size and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed, readable
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Radius, Spacing, TextSize
from qie_desktop.ui.sheets.download_list_model import AnyIndex, PartRole
from qie_desktop.ui.sheets.download_rows import Mark, PartRow

ROW_PX, HEADING_PX = 37, 25
_MARK_PX = 14
_CHECK_PX = 12
MARK_ROOM_PX = Spacing.m + _MARK_PX + Spacing.m
"""How far a row's mark reaches from the left; the text begins there."""
_STATE_PX, _SIZE_PX = 112, 60
_BAR_PX = 3
_CENTRE_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_CENTRE_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
_VERDICTS = {"accent": "accent_text"}


class PartDelegate(QStyledItemDelegate):
    """Paints PartRows, in columns that stand under one another."""

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view
        self._checks = {tone: icon("check", view, tone) for tone in (Tone.MUTED, Tone.ON_ACCENT)}

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:  # noqa: N802 - Qt's name
        """Headings are lower than parts."""
        row: PartRow = index.data(PartRole.ROW)
        return QSize(option.rect.width(), HEADING_PX if row.is_heading else ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Paint one row."""
        row: PartRow = index.data(PartRole.ROW)
        colours = Colours.of(self._view.palette())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.is_heading:
            _paint_heading(painter, option.rect, row, colours)
        else:
            ground = self._paint_ground(painter, option, colours)
            if self._has_line(index):
                line = QRect(option.rect.left() + MARK_ROOM_PX, option.rect.bottom(), option.rect.width(), 1)
                painter.fillRect(line.adjusted(0, 0, -MARK_ROOM_PX - Spacing.m, 0), colours.border)
            _paint_mark(painter, option.rect, row, colours, self._checks)
            _paint_columns(painter, option.rect, row, colours, ground)
        painter.restore()

    def _has_line(self, index: AnyIndex) -> bool:
        """Whether a fine line is between a row and the next: not around the one that is selected."""
        following = index.sibling(index.row() + 1, 0)
        if not following.isValid() or following.data(PartRole.ROW).is_heading:
            return False
        return self._view.currentIndex().row() not in {index.row(), following.row()}

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, colours: Colours) -> QColor:
        """Paint what is selected, and return the colour on which the row's text stands."""
        if not option.state & QStyle.StateFlag.State_Selected:
            return colours.surface
        focused = self._view.hasFocus()
        ground = mixed(
            colours.surface, colours.accent if focused else colours.text, 0.16 if focused else 0.07
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        face = QRectF(option.rect).adjusted(Spacing.xs, 1, -Spacing.xs, -2)
        painter.drawRoundedRect(face, Radius.small, Radius.small)
        return ground


def _paint_heading(painter: QPainter, rect: QRect, row: PartRow, colours: Colours) -> None:
    font = TextSize.small()
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(colours.muted)
    room = rect.adjusted(Spacing.m, Spacing.xs, -Spacing.m, 0)
    painter.drawText(room, _CENTRE_LEFT, row.title)


def _paint_mark(
    painter: QPainter, rect: QRect, row: PartRow, colours: Colours, checks: Mapping[Tone, QIcon]
) -> None:
    spot = QRectF(rect.left() + Spacing.m, rect.center().y() - _MARK_PX / 2 + 0.5, _MARK_PX, _MARK_PX)
    if row.mark is Mark.FIXED:
        _paint_check(painter, spot, checks[Tone.MUTED])
        return
    on = row.is_chosen
    painter.setPen(QPen(colours.accent if on else mixed(colours.window, colours.text, 0.35), 1))
    painter.setBrush(colours.accent if on else colours.field)
    face = spot.adjusted(0.5, 0.5, -0.5, -0.5)
    if row.mark is Mark.RADIO:
        painter.drawEllipse(face)
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.on_accent)
            painter.drawEllipse(QPointF(spot.center()), 2.5, 2.5)
        return
    painter.drawRoundedRect(face, Spacing.xs, Spacing.xs)
    if on:
        _paint_check(painter, spot, checks[Tone.ON_ACCENT])


def _paint_check(painter: QPainter, spot: QRectF, check: QIcon) -> None:
    square = QRect(0, 0, _CHECK_PX, _CHECK_PX)
    square.moveCenter(spot.center().toPoint())
    check.paint(painter, square)


def _paint_columns(painter: QPainter, rect: QRect, row: PartRow, colours: Colours, ground: QColor) -> None:
    def told(verdict: str) -> QColor:
        colour: QColor = getattr(colours, _VERDICTS.get(verdict, verdict))
        return readable(colour, (ground,), colours.text)

    right = rect.right() - Spacing.m
    state = QRect(right - _STATE_PX, rect.top(), _STATE_PX, rect.height())
    size = QRect(state.left() - Spacing.s - _SIZE_PX, rect.top(), _SIZE_PX, rect.height())
    painter.setFont(TextSize.body())
    painter.setPen(told("muted"))
    painter.drawText(size, _CENTRE_RIGHT, row.size)
    painter.setPen(told(row.state.verdict))
    if row.state.fraction is None:
        painter.drawText(state, _CENTRE_RIGHT, row.state.text)
    else:
        painter.drawText(state.adjusted(0, 0, 0, -Spacing.s), _CENTRE_RIGHT, row.state.text)
        _paint_bar(
            painter,
            QRect(state.right() - _STATE_PX // 2, rect.bottom() - 11, _STATE_PX // 2 + 1, _BAR_PX),
            row.state.fraction,
            told(row.state.verdict),
            mixed(ground, colours.text, 0.14),
        )
    room = QRect(rect.left() + MARK_ROOM_PX, rect.top() + 3, 0, (rect.height() - 6) // 2)
    room.setRight(size.left() - Spacing.m)
    _paint_title(painter, room, row, colours, ground)
    room.moveTop(room.bottom() + 1)
    _paint_words(painter, room, row, told)


def _paint_title(painter: QPainter, room: QRect, row: PartRow, colours: Colours, ground: QColor) -> None:
    painter.setFont(TextSize.body())
    painter.setPen(colours.text)
    painter.drawText(room, _CENTRE_LEFT, row.title)
    if row.is_recommended:
        left = room.left() + painter.fontMetrics().horizontalAdvance(row.title) + Spacing.s
        font = TextSize.small()
        width = QFontMetrics(font).horizontalAdvance(_RECOMMENDED) + 2 * Spacing.s
        pill = QRectF(left, room.top() + 1, width, room.height() - 1)
        fill = mixed(ground, colours.accent, 0.14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        painter.setFont(font)
        painter.setPen(readable(colours.accent_text, (fill,), colours.text))
        painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, _RECOMMENDED)


def _paint_words(painter: QPainter, room: QRect, row: PartRow, told: _Told) -> None:
    painter.setFont(TextSize.small())
    metrics = painter.fontMetrics()
    words = row.words
    if row.fit:
        painter.setPen(told(row.fit_verdict))
        painter.drawText(room, _CENTRE_LEFT, row.fit)
        room = room.adjusted(metrics.horizontalAdvance(row.fit), 0, 0, 0)
        words = f" · {words}"
    painter.setPen(told("muted"))
    painter.drawText(room, _CENTRE_LEFT, metrics.elidedText(words, Qt.TextElideMode.ElideRight, room.width()))


def _paint_bar(painter: QPainter, rect: QRect, fraction: float, colour: QColor, track: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(track)
    painter.drawRoundedRect(rect, _BAR_PX / 2, _BAR_PX / 2)
    painter.setBrush(colour)
    done = QRectF(rect)
    done.setWidth(max(_BAR_PX, rect.width() * min(1.0, fraction)))
    painter.drawRoundedRect(done, _BAR_PX / 2, _BAR_PX / 2)


_RECOMMENDED = "Recommended"

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Told = Callable[[str], QColor]
