"""Where in a cell things are, and what can be pressed there."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize

from qie_desktop.core.job import JobState
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QFontMetrics

    from qie_desktop.ui.gallery.cells import Cell

INSET = Spacing.xs
"""Between a cell's edge and its picture: room for the ring of the selection."""

_BADGE = 24
RETRY = "Retry"


class Part(StrEnum):
    """What can be pressed in a cell."""

    CANCEL = "cancel"
    RETRY = "retry"
    STAR = "star"


def picture_rect(cell: QRect) -> QRect:
    """Return where the picture is."""
    return cell.adjusted(INSET, INSET, -INSET, -INSET)


def badge_rect(cell: QRect, part: Part) -> QRect:
    """Return where the cross (above right) or the star (below left) is."""
    picture = picture_rect(cell)
    rect = QRect(0, 0, _BADGE, _BADGE)
    if part is Part.CANCEL:
        rect.moveTopRight(picture.topRight())
        return rect.translated(-Spacing.xs - 1, Spacing.xs + 1)
    rect.moveBottomLeft(picture.bottomLeft())
    return rect.translated(Spacing.xs + 1, -Spacing.xs - 1)


def retry_rect(cell: QRect, metrics: QFontMetrics) -> QRect:
    """Return where the button to try again is."""
    size = QSize(metrics.horizontalAdvance(RETRY) + 2 * Spacing.m, metrics.height() + Spacing.s)
    picture = picture_rect(cell)
    rect = QRect(picture.topLeft(), size)
    rect.moveCenter(picture.center())
    rect.moveBottom(picture.bottom() - Spacing.s)
    return rect


def parts_of(cell: Cell) -> tuple[Part, ...]:
    """Return what can be pressed in a cell."""
    if cell.active:
        return () if cell.state is JobState.CANCELLING else (Part.CANCEL,)
    if cell.output is None:
        return (Part.RETRY,)
    return () if cell.legacy else (Part.STAR,)


def part_at(cell: Cell, rect: QRect, at: QPoint, metrics: QFontMetrics) -> Part | None:
    """Return what would be pressed at a point."""
    for part in parts_of(cell):
        area = retry_rect(rect, metrics) if part is Part.RETRY else badge_rect(rect, part)
        if area.contains(at):
            return part
    return None
