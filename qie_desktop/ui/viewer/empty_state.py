"""What to do, while there is no picture; it lights up while something is dragged that may be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from qie_desktop.core.model import ModelKind
from qie_desktop.ui.look.classes import make_muted, make_title
from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.tokens import Radius, Spacing
from qie_desktop.ui.viewer.illustration import Illustration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QPaintEvent, QResizeEvent

_TEXT_WIDTH = 420
_GLOW_ALPHA = 24

_WORDS: Mapping[ModelKind, tuple[str, str]] = {
    ModelKind.EDIT: (
        "Drop an image here to edit it",
        "Or open one, or paste it with {paste}.\nThen say what is to change.",
    ),
    ModelKind.GENERATE: (
        "Describe a picture",
        "Say what you want to see in the prompt,\nchoose a shape, and press Generate.",
    ),
    ModelKind.HYBRID: (
        "Describe a picture, or drop images here",
        "Without images one is made from your words alone;\nwith them, from both. {paste} pastes one.",
    ),
}
"""What to do first, and how."""


class EmptyState(QWidget):
    """Says what to do first. What is dropped on it the window takes, as everywhere."""

    open_requested = Signal()
    """The person wants to choose images."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("empty_state")
        self._takes_images = True
        self._lit = False
        self._title = QLabel(self)
        self._title.setObjectName("empty_title")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title.setWordWrap(True)
        make_title(self._title)
        self._text = QLabel(self)
        self._text.setObjectName("empty_text")
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        make_muted(self._text, small=False)
        self._open = QPushButton("Open Images…", self)
        self._open.setObjectName("empty_open")
        self._open.clicked.connect(self.open_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.xl, Spacing.xl, Spacing.xl, Spacing.xl)
        column.setSpacing(Spacing.s)
        column.addStretch(4)
        column.addWidget(Illustration(self), 0, Qt.AlignmentFlag.AlignHCenter)
        # Not aligned: an aligned label that wraps is not given the height that it needs.
        column.addWidget(self._title)
        column.addWidget(self._text)
        column.addSpacing(Spacing.s)
        column.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(5)
        self.invite(ModelKind.EDIT)

    def invite(self, kind: ModelKind) -> None:
        """Say what to do first with a model of this kind."""
        title, text = _WORDS[kind]
        paste = QKeySequence(QKeySequence.StandardKey.Paste).toString(QKeySequence.SequenceFormat.NativeText)
        self._title.setText(title)
        self._text.setText(text.format(paste=paste))
        self._takes_images = kind is not ModelKind.GENERATE
        self._open.setVisible(self._takes_images)
        self.setAccessibleName(f"{title}. {self._text.text()}")

    def set_lit(self, lit: bool) -> None:
        """Light up while something is dragged over the window that an image may be made of."""
        self._lit = lit
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the lines short enough to be read."""
        side = max(0, (event.size().width() - _TEXT_WIDTH) // 2 - Spacing.xl)
        self._text.setContentsMargins(side, 0, side, 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint where files may be dropped."""
        del event
        colours = Colours.of(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), colours.window)
        if not self._takes_images:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self._lit
        pen = QPen(colours.accent if lit else colours.border, 2 if lit else 1.5)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        if lit:
            glow = QColor(colours.accent)
            glow.setAlpha(_GLOW_ALPHA)
            painter.setBrush(glow)
        edge = Spacing.l
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(edge, edge, -edge, -edge), Radius.medium, Radius.medium
        )
