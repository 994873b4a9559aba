"""The context menu of the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from qie_desktop.ui.gallery.gallery_actions import ENTRIES

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.ui.gallery.gallery_actions import Selection


class GalleryMenu(QMenu):
    """The commands for a selection, those that do not apply to it greyed. It is deleted when it closes."""

    chosen = Signal(str)
    """GalleryAction: what the person asked for."""

    def __init__(self, selection: Selection, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("gallery_menu")
        self.setAccessibleName("Picture")
        group = 0
        for entry in ENTRIES:
            applies = bool(selection.cells) and entry.applies(selection)
            if not (applies or entry.always_offered):
                continue
            if entry.group != group and not self.isEmpty():
                self.addSeparator()
            group = entry.group
            action = QAction(entry.label(selection), self)
            action.setObjectName(entry.action)
            action.setEnabled(applies)
            self.addAction(action)
        self.triggered.connect(self._on_triggered)
        self.aboutToHide.connect(self.deleteLater)

    def _on_triggered(self, action: QAction) -> None:
        self.chosen.emit(action.objectName())
