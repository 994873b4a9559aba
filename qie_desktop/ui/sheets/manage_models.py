"""Manage Models: each quantisation with its size, its quality, whether it fits and whether it is here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout

from qie_desktop.core.errors import QieError
from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_fit import Fit
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing, TextSize
from qie_desktop.ui.sheets.model_states import ModelState, QuantisationState, look_at_models
from qie_desktop.ui.sheets.own_weights import OwnWeights
from qie_desktop.ui.sheets.settings_writer import SettingsWriter
from qie_desktop.ui.sheets.sheet import Sheet, muted_label
from qie_desktop.ui.sheets.wording import bytes_text, capitalised, gb_text

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.ui.session import Session

VERDICTS = {Fit.FITS: "success", Fit.TIGHT: "warning", Fit.TOO_LARGE: "danger"}
"""How each fit is coloured."""
_HEADINGS = ("Quantisation", "Size", "Quality", "Memory", "")
_WIDTH = 740
_LATER = (
    "Downloading from here comes with a coming version. To use the local model now, choose files that you "
    "already have: they are checked, and used from where they are."
)


class ManageModelsDialog(Sheet):
    """What there is of the local model on this machine, and the way to use own files."""

    setting_changed = Signal(str, object)
    """str, Value or None: a setting's key and its new value; it is on disk."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("manage_models", "Models", parent)
        self.setMinimumWidth(_WIDTH)
        self._session = session
        self._writer = SettingsWriter(session, self)
        self._writer.stored.connect(self.setting_changed)
        self._writer.failed.connect(self._on_failed)
        self._models = QVBoxLayout()
        self._models.setSpacing(Spacing.l)
        self.body.addLayout(self._models)
        self._status = muted_label("Looking at what is here…")
        self._status.setObjectName("models_status")
        self.body.addWidget(self._status)
        own = QLabel("Your own files")
        classes.make_title(own)
        self.body.addWidget(own)
        self.body.addWidget(muted_label(_LATER, small=False))
        self.body.addWidget(OwnWeights(session, self._writer))
        self.body.addStretch(1)
        close = self.add_button("Done", "close_models_button", primary=True)
        close.clicked.connect(self.accept)
        session.background.run(
            partial(look_at_models, session.folder, session.settings), self._on_looked, self._on_failed
        )

    def _on_looked(self, states: tuple[ModelState, ...]) -> None:
        for state in states:
            self._models.addWidget(_ModelCard(state))
        memory = bytes_text(states[0].memory_bytes) if states else ""
        self._status.setText(f"{capitalised(this_machine())} has {memory} of memory." if memory else "")
        classes.make_verdict(self._status, "muted")

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        if isinstance(error, QieError):
            self._status.setText(f"{error.message} {error.hint}".strip())
            classes.make_verdict(self._status, "danger")


class _ModelCard(QFrame):
    """A model with a line for each of its quantisations."""

    def __init__(self, state: ModelState) -> None:
        super().__init__()
        self.setObjectName(f"model_{state.spec.id}")
        classes.make_card(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.l, Spacing.l, Spacing.l, Spacing.l)
        column.setSpacing(Spacing.s)
        name = QLabel(state.spec.name)
        classes.make_title(name)
        column.addWidget(name)
        rest = f"{state.spec.summary} Beside the quantisation it takes {gb_text(state.rest_gb)}, once."
        column.addWidget(muted_label(rest, small=False))
        grid = QGridLayout()
        grid.setContentsMargins(0, Spacing.s, 0, 0)
        grid.setHorizontalSpacing(Spacing.l)
        grid.setVerticalSpacing(Spacing.s)
        grid.setColumnStretch(2, 1)
        for index, heading in enumerate(_HEADINGS):
            label = QLabel(heading)
            classes.make_muted(label)
            grid.addWidget(label, 0, index, _aligned(index))
        for row, quantisation in enumerate(state.quantisations, start=1):
            best = state.recommended is quantisation
            for index, label in enumerate(_labels(quantisation, recommended=best)):
                grid.addWidget(label, row, index, _aligned(index))
        column.addLayout(grid)


def _labels(state: QuantisationState, *, recommended: bool) -> list[QLabel]:
    name = QLabel(state.name)
    if recommended:
        font = TextSize.body()
        font.setBold(True)
        name.setFont(font)
        name.setToolTip(f"The best choice for {this_machine()}")
    fit = QLabel(capitalised(state.need.fit_text))
    fit.setToolTip(capitalised(state.need.text))
    classes.make_verdict(fit, VERDICTS[state.fit])
    there = QLabel(state.state_text)
    there.setObjectName(f"state_{state.name}")
    classes.make_verdict(there, "success" if state.is_installed else "muted")
    if state.problem is not None:
        there.setToolTip(state.problem.message)
    labels = [name, QLabel(gb_text(state.transformer_gb)), QLabel(state.quality), fit, there]
    for label, heading in zip(labels, _HEADINGS, strict=True):
        label.setAccessibleName(f"{state.name}, {heading or 'State'}: {label.text()}")
    return labels


def _aligned(column: int) -> Qt.AlignmentFlag:
    size_column = 1
    return Qt.AlignmentFlag.AlignRight if column == size_column else Qt.AlignmentFlag.AlignLeft
