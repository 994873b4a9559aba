"""The grid of cells: a list view in icon mode that asks for thumbnails of what is visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyle, QWidget

from qie_desktop.ui.gallery.cell_delegate import CellDelegate
from qie_desktop.ui.gallery.cell_parts import INSET, Part, picture_rect
from qie_desktop.ui.gallery.grid_plan import GAP, GridPlan, plan_grid
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.gallery.gallery_model import GalleryModel
    from qie_desktop.ui.gallery.thumbnails import Thumbnails

_SETTLE_MS = 15
_TURN_MS = 40
_TURN_STEP = 0.03
_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_ERASE = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
_DRAG_SIDE = 96
_LEFT = Spacing.l - INSET - GAP // 2
_RIGHT = _LEFT - 1
"""Beside the grid, so that pictures stand in line with what is above it; see `plan_grid` for the pixel."""


class GalleryView(QListView):
    """Shows a `GalleryModel`. What the person does with cells it tells; it does nothing to them itself."""

    cell_opened = Signal(QModelIndex)
    """QModelIndex: clicked, moved to with the keyboard, or Return pressed on it: it alone is selected."""
    quick_look_wanted = Signal(QModelIndex)
    """QModelIndex: Space was pressed on it."""
    trash_wanted = Signal()
    """Delete was pressed."""
    undo_wanted = Signal()
    """The keys of Undo were pressed, and no menu took them."""
    part_pressed = Signal(QModelIndex, str)
    """QModelIndex, Part: the cross, the star or Retry of a cell was pressed."""
    menu_wanted = Signal(QPoint)
    """QPoint: the context menu is wanted at this point of the screen."""

    def __init__(self, model: GalleryModel, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery")
        self.setAccessibleName("Gallery")
        self._gallery = model
        self._thumbnails = thumbnails
        self._delegate = CellDelegate(thumbnails, self)
        self._plan = GridPlan(1, GAP + 1, scrolls=False)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._on_settled)
        self._turner = QTimer(self, interval=_TURN_MS)
        self._turner.timeout.connect(self._on_turned)
        self._set_up()
        self.setModel(model)
        thumbnails.loaded.connect(self._on_thumbnail_loaded)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        for changed in (model.rowsInserted, model.rowsRemoved, model.modelReset, model.rowsMoved):
            changed.connect(self._on_rows_changed)
        model.dataChanged.connect(self._on_data_changed)

    def visible_cells(self) -> list[Cell]:
        """Return the cells that can be seen, and a row of them above and below."""
        count = self._gallery.rowCount()
        top = self.verticalScrollBar().value()
        first = max(0, top // self._plan.pitch - 1) * self._plan.columns
        beyond = (top + self.viewport().height()) // self._plan.pitch + 2
        return [self._gallery.cell(row) for row in range(first, min(count, beyond * self._plan.columns))]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit the grid to the width."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for what has become visible."""
        super().showEvent(event)
        self._settle_soon()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for sharper tiles on a screen with more pixels."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._settle_soon()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Return opens, Space looks, Delete trashes; moving to another cell opens it."""
        current = self.currentIndex()
        if event.matches(QKeySequence.StandardKey.Undo):
            self.undo_wanted.emit()
        elif event.key() in _ERASE:
            self.trash_wanted.emit()
        elif event.key() in _RETURN and current.isValid():
            self.cell_opened.emit(current)
        elif event.key() == Qt.Key.Key_Space and current.isValid():
            self.quick_look_wanted.emit(current)
        else:
            super().keyPressEvent(event)
            moved = self.currentIndex()
            if moved.isValid() and moved != current and self.selectedIndexes() == [moved]:
                self.cell_opened.emit(moved)
            return
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Press a part of a cell, or select."""
        part = self._part_at(event.position().toPoint())
        if part is not None and event.button() is Qt.MouseButton.LeftButton:
            index = self.indexAt(event.position().toPoint())
            self._delegate.pressed = (self._gallery.cell(index.row()).key, part)
            self.update(index)
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Drag, unless a part of a cell is being pressed."""
        if self._delegate.pressed is None:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell of a pressed part where it is let go of on itself; of a plain click on a cell."""
        at = event.position().toPoint()
        index = self.indexAt(at)
        pressed, self._delegate.pressed = self._delegate.pressed, None
        if pressed is not None:
            self.viewport().update()
            if index.isValid() and pressed == (self._gallery.cell(index.row()).key, self._part_at(at)):
                self.part_pressed.emit(index, pressed[1])
            return
        super().mouseReleaseEvent(event)
        plain = event.button() is Qt.MouseButton.LeftButton and not event.modifiers()
        if plain and index.isValid() and self.selectedIndexes() == [index]:
            self.cell_opened.emit(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take the second click on a part of a cell for another press of it."""
        if self._part_at(event.position().toPoint()) is None:
            super().mouseDoubleClickEvent(event)
        else:
            self.mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """Want the menu; from the keyboard, at the current cell."""
        at = event.globalPos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard and self.currentIndex().isValid():
            at = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center())
        self.menu_wanted.emit(at)
        event.accept()

    def startDrag(self, supported_actions: Qt.DropAction) -> None:  # noqa: N802 - Qt's name
        """Drag the selected pictures out."""
        drag = self.make_drag()
        if drag is not None:
            drag.exec(supported_actions, Qt.DropAction.CopyAction)

    def make_drag(self) -> QDrag | None:
        """Return a drag of the selected pictures, or None where there are none."""
        indexes = [index for index in self.selectedIndexes() if index.flags() & Qt.ItemFlag.ItemIsDragEnabled]
        if not indexes:
            return None
        drag = QDrag(self)
        drag.setMimeData(self._gallery.mimeData(indexes))
        tile = self._thumbnails.tile(self._gallery.cell(indexes[0].row()))
        if tile is not None:
            side = round(_DRAG_SIDE * tile.devicePixelRatio())
            small = tile.scaledToWidth(side, Qt.TransformationMode.SmoothTransformation)
            small.setDevicePixelRatio(tile.devicePixelRatio())
            drag.setPixmap(QPixmap(small))
            drag.setHotSpot(QPoint(_DRAG_SIDE // 2, _DRAG_SIDE // 2))
        return drag

    def _set_up(self) -> None:
        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Fixed)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setViewportMargins(_LEFT, 0, _RIGHT, 0)

    def _fit(self) -> None:
        bar = 0
        if not self.style().styleHint(QStyle.StyleHint.SH_ScrollBar_Transient, None, self):
            bar = self.verticalScrollBar().sizeHint().width()
        # The bar stands in the margin: nothing moves when it comes.
        width = self.contentsRect().width() - _LEFT - _RIGHT
        plan = plan_grid(width, self.height(), self._gallery.rowCount(), max(0, bar - _RIGHT))
        policy = (
            Qt.ScrollBarPolicy.ScrollBarAlwaysOn if plan.scrolls else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        if self.verticalScrollBarPolicy() != policy:
            self.setVerticalScrollBarPolicy(policy)
        self.setViewportMargins(_LEFT, 0, max(0, _RIGHT - bar) if plan.scrolls else _RIGHT, 0)
        if plan.pitch != self._plan.pitch or plan.columns != self._plan.columns:
            self._delegate.cell_side = plan.cell
            self.setGridSize(QSize(plan.pitch, plan.pitch))
            self.verticalScrollBar().setSingleStep(plan.pitch // 2)
        self._plan = plan
        self._settle_soon()

    def _settle_soon(self) -> None:
        # Not put off while it goes on: a long scroll shows pictures on its way.
        if not self._settle.isActive():
            self._settle.start()

    def _part_at(self, at: QPoint) -> Part | None:
        index = self.indexAt(at)
        if not index.isValid():
            return None
        return self._delegate.part_at(self._gallery.cell(index.row()), self.visualRect(index), at)

    def _on_rows_changed(self) -> None:
        self._fit()

    def _on_scrolled(self) -> None:
        self._settle_soon()

    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        del first, last
        self._settle_soon()

    def _on_settled(self) -> None:
        ratio = self.devicePixelRatioF()
        side = picture_rect(QRect(0, 0, self._plan.cell, self._plan.cell)).width()
        cells = self.visible_cells() if self.isVisible() else []
        self._thumbnails.want(cells, max(1, round(side * ratio)), ratio)
        turning = any(cell.active for cell in cells) and self._gallery.has_unknown_progress()
        if turning and not self._turner.isActive():
            self._turner.start()
        elif not turning:
            self._turner.stop()

    def _on_turned(self) -> None:
        self._delegate.turn = (self._delegate.turn + _TURN_STEP) % 1.0
        if not self.isVisible():
            self._turner.stop()
            return
        for cell in self.visible_cells():
            if not cell.active:
                break
            self.update(self._gallery.index_of(*cell.key))

    def _on_thumbnail_loaded(self, job_id: str, index: int) -> None:
        at = self._gallery.index_of(job_id, index)
        if at.isValid():
            self.update(at)
