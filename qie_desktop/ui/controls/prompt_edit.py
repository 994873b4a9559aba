"""The prompt: plain text that grows with what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QSize, Qt, Signal, Slot
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget

from qie_desktop.core.model import ModelKind
from qie_desktop.ui.controls.dropped import holds_pictures

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from qie_desktop.ui.draft import Draft

_LINES = (3, 8)
_INVITATIONS = {
    ModelKind.EDIT: "What should change?",
    ModelKind.GENERATE: "What do you want to see?",
    ModelKind.HYBRID: "What do you want to see, or to change?",
}
_HISTORY_KEYS = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}


class PromptEdit(QPlainTextEdit):
    """Shows and changes the draft's prompt. Tab leaves it; pictures that are pasted go elsewhere."""

    run_requested = Signal()
    """⌘↩ was pressed."""
    history_stepped = Signal(int)
    """int: 1 for an older prompt (⌥↑), -1 for a newer one (⌥↓)."""
    pictures_pasted = Signal(object)
    """QMimeData: pictures or files that were pasted or dropped here."""

    def __init__(self, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prompt_edit")
        self.setAccessibleName("Prompt")
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._draft = draft
        self.textChanged.connect(self._on_text_changed)
        draft.prompt_changed.connect(self._on_prompt_changed)
        draft.model_changed.connect(self._on_model_changed)
        self._on_model_changed()
        self._on_prompt_changed()
        self._fit_height()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as what is written, from 3 to 8 lines."""
        return QSize(160, self._wanted_height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As the hint, but narrower."""
        return QSize(80, self._wanted_height())

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Run, or step through the history."""
        modifiers = pressed.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = Qt.Key(pressed.key())
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and modifiers == Qt.KeyboardModifier.ControlModifier:
            self.run_requested.emit()
        elif key in _HISTORY_KEYS and modifiers == Qt.KeyboardModifier.AltModifier:
            self.history_stepped.emit(_HISTORY_KEYS[key])
        else:
            super().keyPressEvent(pressed)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802 - Qt's name
        """Pictures may be pasted here too: they find their slots."""
        return holds_pictures(source) or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802 - Qt's name
        """Take text as text, and pass pictures on."""
        if holds_pictures(source):
            self.pictures_pasted.emit(source)
        else:
            super().insertFromMimeData(source)

    def resizeEvent(self, resized: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Lines break elsewhere now."""
        super().resizeEvent(resized)
        self._fit_height()

    @Slot()
    def _on_text_changed(self) -> None:
        self._draft.set_prompt(self.toPlainText())
        self._fit_height()

    @Slot()
    def _on_prompt_changed(self) -> None:
        prompt = self._draft.prompt
        if prompt == self.toPlainText():
            return
        # By a cursor rather than anew, so that undo brings the old text back.
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(prompt)
        self.setTextCursor(cursor)

    @Slot()
    def _on_model_changed(self) -> None:
        self.setPlaceholderText(_INVITATIONS[self._draft.spec.kind])

    def _fit_height(self) -> None:
        height = self._wanted_height()
        if height != self.height():
            self.setFixedHeight(height)
        scrolls = self._line_count() > _LINES[1]
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if scrolls else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)

    def _wanted_height(self) -> int:
        lines = min(max(self._line_count(), _LINES[0]), _LINES[1])
        # The viewport is what is left between the frame and the padding of the style.
        around = self.height() - self.viewport().height() if self.isVisible() else 2 * self.frameWidth() + 8
        return lines * self.fontMetrics().lineSpacing() + round(2 * self.document().documentMargin()) + around

    def _line_count(self) -> int:
        # A plain text document measures its height in lines, as they break at its width.
        return round(self.document().size().height())
