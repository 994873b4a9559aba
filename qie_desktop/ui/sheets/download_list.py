"""The list of a model's parts in Manage Models: to choose from, and to act upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QSizePolicy

from qie_desktop.ui.sheets.download_delegate import HEADING_PX, MARK_ROOM_PX, ROW_PX, PartDelegate
from qie_desktop.ui.sheets.download_list_model import PartListModel
from qie_desktop.ui.sheets.download_rows import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent

    from qie_desktop.ui.sheets.download_rows import PartRow

_LEAST_ROWS = 3
_WIDTH = 520


class PartList(QListView):
    """One row is current, for what is done with a part; a click, or Space, chooses it for the download."""

    chosen = Signal(str)
    """str: the id of the part that is to be in the download, or no longer."""
    current_changed = Signal()
    """Another part is the one to act upon."""
    menu_requested = Signal(object)
    """QPoint, global: where a menu for the current part is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("model_parts")
        self.setAccessibleName("Parts of the model")
        self._rows = PartListModel(self)
        self.setModel(self._rows)
        self.setItemDelegate(PartDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.viewport().setAutoFillBackground(False)
        self.customContextMenuRequested.connect(self._on_menu_requested)
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    @property
    def rows(self) -> tuple[PartRow, ...]:
        """All rows, headings included."""
        return self._rows.rows

    @property
    def current(self) -> PartRow | None:
        """The part to act upon."""
        index = self.currentIndex()
        return self._rows.rows[index.row()] if index.isValid() else None

    def show_rows(self, rows: Sequence[PartRow]) -> None:
        """Show other rows; the current part stays current."""
        current = self.current
        count = len(self._rows.rows)
        self._rows.set_rows(rows)
        if not self.currentIndex().isValid() and current is not None:
            self.make_current(current.part_id)
        if count != len(self._rows.rows):
            self.updateGeometry()

    def make_current(self, part_id: str) -> None:
        """Make a part the one to act upon."""
        index = self._rows.index_of(part_id)
        if index.isValid():
            self.setCurrentIndex(index)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """High enough for all rows."""
        headings = sum(row.is_heading for row in self._rows.rows)
        return QSize(_WIDTH, headings * HEADING_PX + (len(self._rows.rows) - headings) * ROW_PX + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Some rows can be seen."""
        return QSize(_WIDTH, min(self.sizeHint().height(), HEADING_PX + _LEAST_ROWS * ROW_PX))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the current part in sight when there is less room."""
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Choose the current part with Space. Return is the sheet's."""
        current = self.current
        if pressed.key() == Qt.Key.Key_Space and current is not None:
            self.chosen.emit(current.part_id)
            pressed.accept()
        else:
            super().keyPressEvent(pressed)

    def mouseReleaseEvent(self, released: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose what is clicked; what can be left out only by its mark."""
        super().mouseReleaseEvent(released)
        index = self.indexAt(released.position().toPoint())
        if released.button() is not Qt.MouseButton.LeftButton or not index.isValid():
            return
        row = self._rows.rows[index.row()]
        on_mark = released.position().x() < MARK_ROOM_PX
        if row.mark is Mark.RADIO or (row.mark is Mark.CHECK and on_mark):
            self.chosen.emit(row.part_id)

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, _current: QModelIndex, _before: QModelIndex) -> None:
        self.current_changed.emit()

    @Slot(object)
    def _on_menu_requested(self, at: QPoint) -> None:
        index = self.indexAt(at)
        if index.isValid() and index.flags() & Qt.ItemFlag.ItemIsSelectable:
            self.setCurrentIndex(index)
            self.menu_requested.emit(self.viewport().mapToGlobal(at))
