"""The pictures of one job side by side, to step through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QFrame, QListView, QListWidget, QListWidgetItem, QStyledItemDelegate

from qie_desktop.core.errors import QieError
from qie_desktop.imaging.opening import open_picture
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Radius, Spacing
from qie_desktop.ui.viewer.pyramid import build_pyramid

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex, QPersistentModelIndex
    from PySide6.QtGui import QResizeEvent
    from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.session import Background

_SIDE = 56
_RING = 2
_CELL = _SIDE + Spacing.m
_DENSITY = 2
_MORE_THAN_ONE = 2


class _Thumbnails(QStyledItemDelegate):
    """Paints a rounded picture in each cell, and a ring around the one that is shown."""

    def __init__(self, strip: QListWidget) -> None:
        super().__init__(strip)
        self._strip = strip

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802 - Qt's name
        """All cells are alike."""
        del option, index
        return QSize(_CELL, _CELL)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one."""
        del option
        colours = Colours.of(self._strip.palette())
        square = QRectF(0, 0, _SIDE, _SIDE)
        cell = self._strip.visualItemRect(self._strip.item(index.row()))
        square.moveCenter(cell.toRectF().center())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(square, Radius.small, Radius.small)
        painter.fillPath(shape, colours.border)
        image = index.data(Qt.ItemDataRole.UserRole)
        if isinstance(image, QImage):
            painter.setClipPath(shape)
            painter.drawImage(square, image)
            painter.setClipping(False)
        if self._strip.currentRow() == index.row():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colours.accent, _RING))
            ring = square.adjusted(-_RING, -_RING, _RING, _RING)
            painter.drawRoundedRect(ring, Radius.small + _RING, Radius.small + _RING)
        painter.restore()


class OutputStrip(QListWidget):
    """Thumbnails of a job's outputs; hidden where there is only one. The arrow keys step through them."""

    chosen = Signal(int)
    """int: which output is to be shown, from 0."""

    def __init__(self, store: JobStore, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("output_strip")
        self.setAccessibleName("Pictures of this job")
        self._store = store
        self._background = background
        self._shown: tuple[str, tuple[str, ...]] = ("", ())
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setDragEnabled(False)
        self.setUniformItemSizes(True)
        self.setItemDelegate(_Thumbnails(self))
        self.setFixedHeight(_CELL + Spacing.s)
        self.viewport().setAutoFillBackground(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentRowChanged.connect(self._on_current_row_changed)
        self.hide()

    def show_outputs(self, job: Job | None, index: int) -> None:
        """Show the outputs of a job, number `index` marked, or hide."""
        names = () if job is None else tuple(output.name for output in job.outputs)
        shown = (job.job_id if job else "", names)
        if shown != self._shown:
            self._shown = shown
            self._refill(len(names))
            if job is not None and len(names) >= _MORE_THAN_ONE:
                self._background.run(
                    partial(_thumbnails, self._store, job), partial(self._on_thumbnails, shown)
                )
        self.setVisible(len(names) >= _MORE_THAN_ONE)
        self.blockSignals(True)
        self.setCurrentRow(index)
        self.blockSignals(False)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the pictures in the middle."""
        super().resizeEvent(event)
        self._centre()

    def _centre(self) -> None:
        free = max(0, (self.width() - self.count() * _CELL) // 2)
        self.setViewportMargins(free, 0, free, 0)

    def _refill(self, count: int) -> None:
        self.blockSignals(True)
        self.clear()
        for number in range(1, count + 1):
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"Picture {number} of {count}")
            item.setToolTip(f"{number} of {count}")
            self.addItem(item)
        self.blockSignals(False)
        self._centre()

    def _on_thumbnails(self, shown: tuple[str, tuple[str, ...]], images: list[QImage | None]) -> None:
        if not shiboken6.isValid(self) or shown != self._shown:
            return
        for row, image in enumerate(images):
            self.item(row).setData(Qt.ItemDataRole.UserRole, image)

    @Slot(int)
    def _on_current_row_changed(self, row: int) -> None:
        if row >= 0:
            self.chosen.emit(row)


def _thumbnails(store: JobStore, job: Job) -> list[QImage | None]:
    """Return the middle of each output as a small square. Not on the GUI thread."""
    images: list[QImage | None] = []
    for output in job.outputs:
        try:
            picture = build_pyramid(open_picture(store.thumbnail_path(job, output)))
        except QieError:
            images.append(None)
            continue
        image = picture.levels[0].image
        side = min(image.width(), image.height())
        middle = QRect((image.width() - side) // 2, (image.height() - side) // 2, side, side)
        images.append(
            image.copy(middle).scaled(
                _SIDE * _DENSITY,
                _SIDE * _DENSITY,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
    return images
