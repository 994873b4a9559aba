"""The card under the parts: what is to be downloaded, or how far it is, with the buttons for it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing, TextSize
from qie_desktop.ui.sheets.download_view import LOOKING, CardView, Offer
from qie_desktop.ui.sheets.sheet import muted_label

_BAR_STEPS = 1000
_NAMES = {offer: f"{offer.name.lower()}_button" for offer in Offer}


class DownloadCard(QFrame):
    """Shows a CardView. The buttons say what is offered; each press is told once."""

    asked = Signal(object)
    """Offer: what the person wants."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("download_card")
        classes.make_card(self)
        self._view: CardView | None = None
        self._busy = False
        self._title = QLabel()
        self._title.setObjectName("download_title")
        font = TextSize.body()
        font.setWeight(font.Weight.DemiBold)
        self._title.setFont(font)
        self._details = muted_label()
        self._details.setObjectName("download_details")
        for label in (self._title, self._details):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = QProgressBar()
        self._bar.setObjectName("download_bar")
        self._bar.setTextVisible(False)
        self._buttons = {offer: self._button(offer) for offer in Offer}
        self._lay_out()
        self.show_view(LOOKING)

    @property
    def view(self) -> CardView | None:
        """What is shown."""
        return self._view

    def show_view(self, view: CardView, *, busy: bool = False) -> None:
        """Show something else; `busy`: what was asked for is on its way, and nothing else can be."""
        if (view, busy) == (self._view, self._busy):
            return
        focused = next((offer for offer, button in self._buttons.items() if button.hasFocus()), None)
        self._view, self._busy = view, busy
        self._title.setText(view.title)
        self._details.setText(view.details)
        self._details.setVisible(bool(view.details))
        classes.make_verdict(self._title, view.verdict if view.verdict == "danger" else "")
        classes.make_verdict(self._details, "muted" if view.verdict == "danger" else view.verdict)
        self._bar.setVisible(view.shows_bar)
        self._bar.setRange(0, _BAR_STEPS if view.fraction is not None else 0)
        if view.fraction is not None:
            self._bar.setValue(round(view.fraction * _BAR_STEPS))
        self._bar.setAccessibleName(view.title)
        offered = {*view.others, *((view.primary,) if view.primary else ())}
        for offer, button in self._buttons.items():
            button.setVisible(offer in offered)
            button.setEnabled(not busy)
            button.setDefault(offer is view.primary)
            button.setAutoDefault(offer is view.primary)
        if focused is not None and focused not in offered:
            self._focus_another(view)

    def _focus_another(self, view: CardView) -> None:
        """Keep the keyboard where it was, when the button under it has become another one."""
        for offer in (view.primary, *view.others):
            if offer is not None:
                self._buttons[offer].setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def _button(self, offer: Offer) -> QPushButton:
        button = QPushButton(offer.value)
        button.setObjectName(_NAMES[offer])
        button.setAutoDefault(False)
        button.clicked.connect(self._on_clicked)
        return button

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(self._title)
        words.addWidget(self._details)
        words.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(Spacing.s)
        row.addLayout(words, 1)
        for button in self._buttons.values():
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.m, Spacing.m, Spacing.m, Spacing.m)
        column.setSpacing(Spacing.s)
        column.addLayout(row)
        column.addWidget(self._bar)

    @Slot()
    def _on_clicked(self) -> None:
        pressed = self.sender()
        self.asked.emit(next(offer for offer, button in self._buttons.items() if button is pressed))
