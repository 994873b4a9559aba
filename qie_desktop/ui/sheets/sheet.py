"""What all sheets share: a dialog over the window, with a headline, a body and a row of buttons."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing


class Sheet(QDialog):
    """A dialog with an empty `body`; on macOS a modal one slides out of its window's title bar.

    A sheet is opened with `open()` (modal to its window) or `show()` (beside it), and never with `exec()`.
    """

    def __init__(self, name: str, title: str, parent: QWidget | None, *, modal: bool = False) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if modal:
            self.setWindowModality(Qt.WindowModality.WindowModal)
            self.setWindowFlag(Qt.WindowType.Sheet)
        self.body = QVBoxLayout()
        self.body.setSpacing(Spacing.m)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(Spacing.s)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(Spacing.xl, Spacing.xl, Spacing.xl, Spacing.xl)
        outer.setSpacing(Spacing.l)
        outer.addLayout(self.body, 1)
        outer.addLayout(self.buttons)

    def add_headline(self, text: str, below: str = "") -> None:
        """Put the sheet's headline into the body, with a muted sentence under it."""
        headline = QLabel(text)
        classes.make_headline(headline)
        self.body.addWidget(headline)
        if below:
            self.body.addWidget(muted_label(below, small=False))

    def event(self, event: QEvent) -> bool:
        """Grow with what is added or comes to be known later."""
        handled = super().event(event)
        if event.type() in {QEvent.Type.LayoutRequest, QEvent.Type.Show}:
            self._fit_height()
        return handled

    def _fit_height(self) -> None:
        """Be as high as the texts need at this width: a window's own size hint knows of no wrapping."""
        layout = self.layout()
        if layout is not None and layout.hasHeightForWidth():
            needed = min(layout.totalHeightForWidth(self.width()), self.most_height())
            if needed > self.height():
                self.resize(self.width(), needed)

    def most_height(self) -> int:
        """Return how high it may become by itself: as the screen. What can be scrolled gives way then."""
        return self.screen().availableGeometry().height()

    def add_button(self, text: str, name: str, *, primary: bool = False) -> QPushButton:
        """Put a button into the row; a stretch before the first keeps them on the right."""
        if not self.buttons.count():
            self.buttons.addStretch(1)
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(primary)
        button.setDefault(primary)
        if primary:
            classes.make_primary(button)
        self.buttons.addWidget(button)
        return button


def muted_label(text: str = "", *, small: bool = True) -> QLabel:
    """Return a label of secondary text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    classes.make_muted(label, small=small)
    return label
