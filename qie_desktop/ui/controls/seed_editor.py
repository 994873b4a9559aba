"""The seed: left to chance, or a number that is kept."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from PySide6.QtCore import QRegularExpression, QSize, Qt, Signal, Slot
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from qie_desktop.core.parameters import MAX_SEED
from qie_desktop.ui.look.classes import make_quiet
from qie_desktop.ui.look.icons import icon
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from qie_desktop.core.parameters import ParameterSpec

_LINE_PX = 96


class SeedEditor(QWidget):
    """A number or nothing; the dice draws one, the lock keeps the last one used or lets go of it."""

    seed_set = Signal(object)
    """int | None: the seed that is to be used, None for another one each time."""

    def __init__(self, spec: ParameterSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec = spec
        self._last_used: int | None = None
        self.line = QLineEdit()
        self.line.setObjectName("seed_edit")
        self.line.setAccessibleName(spec.label)
        self.line.setAccessibleDescription(spec.help)
        self.line.setToolTip(spec.help)
        self.line.setPlaceholderText("Random")
        self.line.setFixedWidth(_LINE_PX)
        self.line.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{0,10}"), self.line))
        self._dice = _button("seed_dice", "dice", "Draw a seed")
        self._lock = _button("seed_lock", "unlock", "Keep the seed")
        self._lock.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Spacing.xs // 2)
        row.addWidget(self.line)
        row.addWidget(self._dice)
        row.addWidget(self._lock)
        self.line.textEdited.connect(self._on_text_edited)
        self.line.editingFinished.connect(self._on_editing_finished)
        self._dice.clicked.connect(self._on_dice_clicked)
        self._lock.clicked.connect(self._on_lock_clicked)
        self.show_seed(None)

    def show_seed(self, seed: int | None) -> None:
        """Show a seed that is kept, or that it is left to chance."""
        text = "" if seed is None else str(seed)
        if _number(self.line.text()) != seed:
            self.line.setText(text)
        kept = seed is not None
        self._lock.setChecked(kept)
        self._lock.setIcon(icon("lock" if kept else "unlock", self._lock))
        tip = "Leave the seed to chance" if kept else "Keep the seed of the last run"
        self._lock.setToolTip(tip)
        self._lock.setAccessibleName("Keep the seed")
        self._lock.setAccessibleDescription(tip)

    def note_used(self, seed: int) -> None:
        """Remember the seed of the last run, for the lock."""
        self._last_used = seed

    @Slot(str)
    def _on_text_edited(self, text: str) -> None:
        seed = _number(text)
        self.seed_set.emit(None if seed is None else min(seed, MAX_SEED))

    @Slot()
    def _on_editing_finished(self) -> None:
        seed = _number(self.line.text())
        if seed is not None and seed > MAX_SEED:
            self.line.setText(str(MAX_SEED))

    @Slot()
    def _on_dice_clicked(self) -> None:
        self.seed_set.emit(random.SystemRandom().randint(0, MAX_SEED))

    @Slot(bool)
    def _on_lock_clicked(self, checked: bool) -> None:
        if not checked:
            self.seed_set.emit(None)
        elif self._last_used is not None:
            self.seed_set.emit(self._last_used)
        else:
            self._on_dice_clicked()


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _button(name: str, glyph: str, label: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setIcon(icon(glyph, button))
    button.setIconSize(QSize(16, 16))
    button.setToolTip(label)
    button.setAccessibleName(label)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    make_quiet(button)
    return button
