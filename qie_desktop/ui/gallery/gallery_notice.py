"""A line under the gallery: what has just been done, with the way back; or what could not be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from qie_desktop.ui.look.classes import make_card, make_quiet
from qie_desktop.ui.look.icons import Tone, icon
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.core.errors import QieError

_SHOWN_MS = 8000
_CLOSE = 12


class GalleryNotice(QWidget):
    """Says one thing at a time, in place. What was done goes by itself; a problem or question stays."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery_notice")
        card = QFrame()
        make_card(card)
        self._act: Callable[[], None] | None = None
        self._text = QLabel()
        self._text.setObjectName("gallery_notice_text")
        self._text.setFont(TextSize.small())
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton()
        self._button.setObjectName("gallery_notice_action")
        self._button.setFont(TextSize.small())
        self._button.clicked.connect(self._on_clicked)
        close = QToolButton()
        close.setObjectName("gallery_notice_close")
        close.setIcon(icon("close", self, Tone.MUTED))
        close.setIconSize(QSize(_CLOSE, _CLOSE))
        close.setAccessibleName("Close")
        close.setToolTip("Close")
        make_quiet(close)
        close.clicked.connect(self.hide)
        self._timer = QTimer(self, singleShot=True, interval=_SHOWN_MS)
        self._timer.timeout.connect(self.hide)
        top = QHBoxLayout()
        top.setSpacing(Spacing.xs)
        top.addWidget(self._text, 1)
        top.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        # Inside, so that nothing is left of it while it is hidden.
        around = QVBoxLayout(self)
        around.setContentsMargins(Spacing.s, Spacing.xs, Spacing.s, Spacing.s)
        around.addWidget(card)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(Spacing.m, Spacing.s, Spacing.s, Spacing.s)
        layout.setSpacing(Spacing.xs)
        layout.addLayout(top)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    @property
    def text(self) -> str:
        """What is said now; nothing while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    def tell(self, text: str, button: str = "", act: Callable[[], None] | None = None) -> None:
        """Say what has been done, for a while, with a button that calls `act`."""
        self._show(text, button, act)
        self._timer.start()

    def announce(self, text: str, button: str, act: Callable[[], None]) -> None:
        """Say what was done that nobody has just asked for; it stays until it is closed."""
        self._show(text, button, act)

    def ask(self, text: str, button: str, act: Callable[[], None]) -> None:
        """Say something that is done only when the button is pressed."""
        self._show(text, button, act)
        self._button.setFocus()

    def complain(self, error: QieError) -> None:
        """Say what could not be done, and what to do."""
        self._show(f"{error.message} {error.hint}".strip(), "", None)

    def _show(self, text: str, button: str, act: Callable[[], None] | None) -> None:
        self._timer.stop()
        self._act = act
        self._text.setText(text)
        self._button.setText(button)
        self._button.setVisible(act is not None)
        self.setAccessibleName(text)
        self.show()

    def _on_clicked(self) -> None:
        act = self._act
        self.hide()
        if act is not None:
            act()
