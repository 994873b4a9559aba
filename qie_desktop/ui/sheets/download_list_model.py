"""The rows of Manage Models as a list model."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtCore import QObject

    from qie_desktop.ui.sheets.download_rows import PartRow

AnyIndex = QModelIndex | QPersistentModelIndex


class PartRole(IntEnum):
    """What a row tells beside Qt's own roles."""

    ROW = Qt.ItemDataRole.UserRole + 1
    """PartRow."""


_TELL: dict[int, Callable[[PartRow], object]] = {
    PartRole.ROW: lambda row: row,
    Qt.ItemDataRole.DisplayRole: lambda row: row.title,
    Qt.ItemDataRole.AccessibleTextRole: lambda row: row.text,
    Qt.ItemDataRole.ToolTipRole: lambda row: row.path or None,
}


class PartListModel(QAbstractListModel):
    """Holds PartRows. Only what is different is told, so that nothing jumps while a download runs."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[PartRow, ...] = ()

    @property
    def rows(self) -> tuple[PartRow, ...]:
        """All rows, headings included."""
        return self._rows

    def set_rows(self, rows: Sequence[PartRow]) -> None:
        """Show other rows."""
        before, after = self._rows, tuple(rows)
        if [_key(row) for row in before] != [_key(row) for row in after]:
            self.beginResetModel()
            self._rows = after
            self.endResetModel()
            return
        self._rows = after
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                index = self.index(at)
                self.dataChanged.emit(index, index)

    def index_of(self, part_id: str) -> QModelIndex:
        """Return where a part is; an invalid index where it is not."""
        for at, row in enumerate(self._rows):
            if part_id and row.part_id == part_id:
                return self.index(at)
        return QModelIndex()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row tells."""
        tell = _TELL.get(role)
        return tell(self._rows[index.row()]) if index.isValid() and tell is not None else None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """Headings are only read."""
        if not index.isValid() or self._rows[index.row()].is_heading:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren


def _key(row: PartRow) -> tuple[str, str]:
    return row.part_id, row.title if row.is_heading else ""
