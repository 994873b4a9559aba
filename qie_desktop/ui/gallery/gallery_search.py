"""The search field over the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLineEdit

from qie_desktop.ui.look.icons import Tone, icon

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QWidget

_PAUSE_MS = 180


class GallerySearch(QLineEdit):
    """Tells what is searched for once the person pauses, or at once with Return; Escape empties it."""

    searched = Signal(str)
    """str: the words that are searched for now; empty for everything."""
    left_downwards = Signal()
    """The down key was pressed: the person wants to go to what was found."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery_search")
        self.setPlaceholderText("Search")
        self.setAccessibleName("Search the gallery")
        self.setToolTip("Search prompts and model names")
        self.setClearButtonEnabled(True)
        self.addAction(icon("search", self, Tone.MUTED), QLineEdit.ActionPosition.LeadingPosition)
        self._told = ""
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._on_paused)
        self.textChanged.connect(self._on_text_changed)
        self.returnPressed.connect(self._on_paused)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Escape empties the field, the down key leaves it."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self._on_paused()
        elif event.key() == Qt.Key.Key_Down:
            self.left_downwards.emit()
        else:
            super().keyPressEvent(event)

    def _on_text_changed(self) -> None:
        self._pause.start()

    def _on_paused(self) -> None:
        self._pause.stop()
        if self.text() != self._told:
            self._told = self.text()
            self.searched.emit(self._told)
