"""The first sheet that a person sees: three ways to begin, side by side. It can be skipped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_plan import Fit
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.icon_label import IconLabel
from qie_desktop.ui.look.icons import Tone
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.download_words import VERDICTS
from qie_desktop.ui.sheets.model_states import ModelState, look_at_models
from qie_desktop.ui.sheets.sheet import Sheet, muted_label
from qie_desktop.ui.sheets.wording import bytes_text, capitalised, usd_text

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model_parts import DownloadChoice
    from qie_desktop.ui.session import Session

_WIDTH = 760
_ICON_PX = 36


class FirstRunSheet(Sheet):
    """Asks once how to begin. Exactly one of its signals is emitted, and then it is closed."""

    starter_chosen = Signal()
    """The person wants to try it with the built-in model."""
    local_chosen = Signal(object)
    """DownloadChoice or None: the person wants the local model; what is to be downloaded now, if anything."""
    token_chosen = Signal()
    """The person wants to add a Replicate token."""
    skipped = Signal()
    """The person wants none of it now."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("first_run", "Welcome", parent, modal=True)
        # Left to itself it would be as wide as its sentences, wherever the screen has room for that.
        self.setFixedWidth(_WIDTH)
        self._answered = False
        self._wanted: DownloadChoice | None = None
        self.add_headline("Welcome to Qwen Image Editor", "How would you like to begin? None of it is final.")
        starter, local, token = (_Card(offer) for offer in _offers())
        self._local = local
        cards = QHBoxLayout()
        cards.setSpacing(Spacing.l)
        for card in (starter, local, token):
            cards.addWidget(card, 1)
        self.body.addLayout(cards, 1)
        classes.make_primary(starter.button)
        starter.button.setDefault(True)
        # Of one height, whatever the style makes of each: so their texts stand on one line.
        height = max(card.button.sizeHint().height() for card in (starter, local, token))
        for card in (starter, local, token):
            card.button.setFixedHeight(height)
        starter.button.clicked.connect(self._on_starter_clicked)
        local.button.clicked.connect(self._on_local_clicked)
        token.button.clicked.connect(self._on_token_clicked)
        self.add_button("Not Now", "skip_button").clicked.connect(self.reject)
        starter.button.setFocus()
        work = partial(look_at_models, session.folder, session.settings)
        session.background.run(work, self._on_looked, self._on_look_failed)

    def reject(self) -> None:
        """Close without a choice."""
        if not self._answered:
            self._answered = True
            self.skipped.emit()
        super().reject()

    @Slot()
    def _on_starter_clicked(self) -> None:
        self._answer()
        self.starter_chosen.emit()

    @Slot()
    def _on_local_clicked(self) -> None:
        self._answer()
        self.local_chosen.emit(self._wanted)

    @Slot()
    def _on_token_clicked(self) -> None:
        self._answer()
        self.token_chosen.emit()

    def _answer(self) -> None:
        self._answered = True
        self.accept()

    def _on_looked(self, states: tuple[ModelState, ...]) -> None:
        model = states[0]
        choice, plan = model.recommended, model.plan
        need = model.need(choice.quantisation, choice.text_encoder)
        if plan.is_installed:
            self._local.say("Its files are here already", "success")
            self._local.button.setText("Start")
        elif need.fit is Fit.TOO_LARGE:
            self._local.say(f"Too large for {this_machine()}", "danger")
        elif not plan.fits_disk:
            missing, free = bytes_text(plan.missing_bytes), bytes_text(plan.free_bytes)
            self._local.say(f"{missing} to download, {free} free on the disk", "danger")
        else:
            size = bytes_text(plan.missing_bytes)
            self._local.say(f"{size} · {capitalised(need.fit_text)}", VERDICTS[need.fit])
            self._local.button.setText("Download")
            self._wanted = choice

    def _on_look_failed(self, error: QieError) -> None:
        self._local.say(error.message, "danger")


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a card says, and the name of its button."""

    icon_name: str
    title: str
    text: str
    fact: str
    button: str
    name: str


class _Card(QFrame):
    """An icon, a title, a few words, a fact and a button."""

    def __init__(self, offer: _Offer) -> None:
        super().__init__()
        classes.make_card(self)
        picture = IconLabel(_ICON_PX, offer.icon_name, Tone.ACCENT)
        heading = QLabel(offer.title)
        classes.make_title(heading)
        words = muted_label(offer.text, small=False)
        self._fact = muted_label(offer.fact)
        self._fact.setObjectName(f"{offer.name}_fact")
        self.button = QPushButton(offer.button)
        self.button.setObjectName(offer.name)
        self.button.setAccessibleDescription(f"{offer.title}. {offer.text}")
        self.button.setAutoDefault(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.l, Spacing.l, Spacing.l, Spacing.l)
        column.setSpacing(Spacing.s)
        column.addWidget(picture)
        column.addWidget(heading)
        column.addWidget(words)
        column.addStretch(1)
        column.addWidget(self._fact)
        column.addWidget(self.button)

    def say(self, fact: str, verdict: str) -> None:
        """Put another fact there."""
        self._fact.setText(fact)
        classes.make_verdict(self._fact, verdict)


def _offers() -> tuple[_Offer, ...]:
    prices = [spec.price.usd_per_output for spec in CATALOGUE if spec.price]
    return (
        _Offer(
            "generate",
            "Try it now",
            "A small model is built in. It is made for quick looks, and nothing is downloaded.",
            "Nothing to set up",
            "Start",
            "starter_button",
        ),
        _Offer(
            "local",
            "The local model",
            f"Qwen-Image-Edit runs on {this_machine()}: free, private, and without a network.",
            f"Looking at {this_machine()}…",
            "See Models…",
            "local_button",
        ),
        _Offer(
            "cloud",
            "In the cloud",
            "The large models run at Replicate, on your own account. You pay Replicate for each picture.",
            f"From {usd_text(min(prices))} a picture" if prices else "",
            "Add Token…",
            "token_button",
        ),
    )
