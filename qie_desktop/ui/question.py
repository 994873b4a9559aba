"""How a question over the window looks, where the system does not draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QMessageBox

from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtWidgets import QPushButton, QWidget

_ICON = QSize(48, 48)


class Question(QObject):
    """Asks over a window whether something is to be done, one thing at a time. GUI thread only.

    Return alone, and Escape, mean no.
    """

    answered = Signal(bool)
    """bool: whether it is to be done."""

    def __init__(self, window: QWidget, name: str, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._name = name
        self._box: QMessageBox | None = None
        self._yes: QPushButton | None = None

    @property
    def is_open(self) -> bool:
        """Whether the person is being asked."""
        return self._box is not None

    def ask(self, text: str, explained: str, yes: str, yes_name: str, role: QMessageBox.ButtonRole) -> None:
        """Ask; the button that means yes says `yes`, and is called `yes_name`."""
        box = new_question(self._window, self._name)
        box.setText(text)
        box.setInformativeText(explained)
        self._yes = box.addButton(yes, role)
        self._yes.setObjectName(yes_name)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel)
        box.setEscapeButton(cancel)
        box.finished.connect(self._on_finished)
        self._box = box
        ask(box)

    @Slot()
    def _on_finished(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            agreed = box.clickedButton() is self._yes
            box.deleteLater()
            self.answered.emit(agreed)


def new_question(window: QWidget, name: str) -> QMessageBox:
    """Return a box without words and buttons yet, for this window alone, with the program's icon."""
    from qie_desktop.ui.sheets.about import app_icon  # noqa: PLC0415 - not before the window is painted

    box = QMessageBox(window)
    box.setObjectName(name)
    box.setWindowModality(Qt.WindowModality.WindowModal)
    box.setIconPixmap(app_icon().pixmap(_ICON, box.devicePixelRatioF()))
    return box


def ask(box: QMessageBox) -> None:
    """Show it, without waiting for the answer."""
    layout = box.layout()
    if layout is not None:
        layout.setContentsMargins(Spacing.l, Spacing.l, Spacing.l, Spacing.l)
    box.open()
