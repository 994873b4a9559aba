"""How a question over the window looks, where the system does not draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMessageBox

from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_ICON = QSize(48, 48)


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
