"""A calm word in place about something that was not done, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from qie_desktop.ui.look.classes import make_quiet
from qie_desktop.ui.look.icon_label import IconLabel
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError

_ICON_PX = 14
_MOST_LINES = 3


class Notice(QWidget):
    """Shows refusals until they are closed or cleared; the newest ones, where there are many."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._lines: list[str] = []
        self._mark = IconLabel(_ICON_PX, "warning", Tone.WARNING)
        self._text = QLabel()
        self._text.setObjectName(f"{name}_text")
        self._text.setWordWrap(True)
        self._text.setFont(TextSize.small())
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setObjectName(f"{name}_close")
        close.setIcon(icon("close", self, Tone.MUTED))
        close.setIconSize(QSize(12, 12))
        close.setAccessibleName("Close")
        close.setToolTip("Close")
        make_quiet(close)
        close.clicked.connect(self._on_close_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Spacing.xs)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def text(self) -> str:
        """What is said now."""
        return self._text.text() if self._lines else ""

    def add(self, error: QieError) -> None:
        """Say why something was refused, and what to do."""
        line = f"{error.message} {error.hint}".strip()
        self._lines = [*(known for known in self._lines if known != line), line][-_MOST_LINES:]
        self._text.setText("\n".join(self._lines))
        self.setAccessibleName(self._text.text())
        self.show()

    @Slot()
    def clear(self) -> None:
        """Say nothing any longer."""
        self._lines = []
        self._text.clear()
        self.hide()

    @Slot()
    def _on_close_clicked(self) -> None:
        self.clear()
