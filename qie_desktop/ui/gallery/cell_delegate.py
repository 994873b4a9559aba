"""How a cell is painted: the picture, or how far a job is, or why it made none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from qie_desktop.core.job import JobState
from qie_desktop.ui.gallery.cell_canvas import CellCanvas, CellLook
from qie_desktop.ui.gallery.cell_parts import Part, part_at
from qie_desktop.ui.gallery.cell_roles import Role
from qie_desktop.ui.gallery.cell_words import problem_words, state_words
from qie_desktop.ui.gallery.progress_ring import paint_ring, paint_track
from qie_desktop.ui.gallery.wrapped_text import paint_wrapped
from qie_desktop.ui.look.icons import Tone
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QFontMetrics

    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.gallery.progress import Progress
    from qie_desktop.ui.gallery.thumbnails import Thumbnails

_SIGNS = {JobState.CANCELLED: ("cancelled", Tone.MUTED), JobState.INTERRUPTED: ("warning", Tone.WARNING)}
AnyIndex = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Paints cells of `cell_side`. `turn`, from 0 to 1, is where arcs of unknown progress stand."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._look = CellLook(parent)
        self.cell_side = 0
        self.turn = 0.0
        self.pressed: tuple[tuple[str, int], Part] | None = None
        """Which part of which cell is being pressed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of every cell."""
        del option, index
        return QSize(self.cell_side, self.cell_side)

    def part_at(self, cell: Cell, rect: QRect, at: QPoint) -> Part | None:
        """Return what would be pressed at a point of a cell."""
        return part_at(cell, rect, at, self.metrics)

    @property
    def metrics(self) -> QFontMetrics:
        """The metrics of the text in cells."""
        return self._look.metrics

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Paint one cell."""
        cell: Cell = index.data(Role.CELL)
        canvas = CellCanvas(painter, option.rect, self._look.colours(), self._look)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        if cell.active:
            self._paint_active(canvas, cell, index.data(Role.PROGRESS))
        elif cell.output is None:
            self._paint_problem(canvas, cell)
        else:
            hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
            self._paint_picture(canvas, cell, index, hovered=hovered)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected or option.state & QStyle.StateFlag.State_HasFocus:
            canvas.outline(selected=selected)
        painter.restore()

    def _paint_picture(self, canvas: CellCanvas, cell: Cell, index: AnyIndex, *, hovered: bool) -> None:
        tile = self._thumbnails.tile(cell)
        formed = index.data(Role.FORMED) if tile is None else None
        if formed is not None:
            canvas.forming(formed)
        elif tile := tile or self._thumbnails.stand_in(cell):
            canvas.painter.drawPixmap(canvas.area, tile)
        else:
            canvas.ground()
        if self._thumbnails.is_broken(cell):
            canvas.sign("image", Tone.MUTED)
        if cell.starred or (hovered and not cell.legacy):
            name = "star_filled" if cell.starred else "star"
            canvas.badge(Part.STAR, name, pressed=self._is_pressed(cell, Part.STAR))

    def _paint_active(self, canvas: CellCanvas, cell: Cell, progress: Progress | None) -> None:
        tile = self._thumbnails.tile(cell)
        if progress is not None and progress.preview is not None:
            canvas.forming(progress.preview)
        elif tile is not None:
            canvas.painter.drawPixmap(canvas.area, tile)
        else:
            waits = cell.state is JobState.QUEUED
            canvas.stamped(("ground", waits), partial(_paint_ground, waits))
        pressed = self._is_pressed(cell, Part.CANCEL)
        over = (cell.state, state_words(cell, progress), pressed)
        canvas.stamped(over, partial(_paint_over, *over))
        if cell.state is not JobState.QUEUED:
            fraction = progress.fraction if progress else None
            paint_ring(canvas.painter, QRectF(canvas.area), fraction, self.turn, canvas.colours)

    def _paint_problem(self, canvas: CellCanvas, cell: Cell) -> None:
        canvas.ground()
        name, tone = _SIGNS.get(cell.state, ("error", Tone.DANGER))
        sign = canvas.sign(name, tone, canvas.area.top() + Spacing.s)
        button = canvas.retry_button(pressed=self._is_pressed(cell, Part.RETRY))
        words = QRectF(canvas.area.adjusted(Spacing.s, 0, -Spacing.s, 0))
        words.setTop(sign.bottom() + 1)
        words.setBottom(button.top() - 1)
        canvas.painter.setPen(canvas.colours.text)
        text = problem_words(cell) or state_words(cell, None)
        paint_wrapped(canvas.painter, words, text, canvas.look.font)

    def _is_pressed(self, cell: Cell, part: Part) -> bool:
        return self.pressed == (cell.key, part)


def _paint_ground(waits: bool, canvas: CellCanvas) -> None:
    """Paint what lies under a job of which there is no picture yet; one that runs has its ring there."""
    canvas.ground()
    if waits:
        canvas.sign("image", Tone.MUTED)


def _paint_over(state: JobState, words: str, pressed: bool, canvas: CellCanvas) -> None:
    """Paint what stands over the picture of a job on its way, all but how far it is."""
    if state is not JobState.QUEUED:
        paint_track(canvas.painter, QRectF(canvas.area), canvas.colours)
    canvas.caption(words)
    if state is not JobState.CANCELLING:
        canvas.badge(Part.CANCEL, "cancel", pressed=pressed)
