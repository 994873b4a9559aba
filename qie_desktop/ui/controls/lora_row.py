"""One LoRA file in the options: whether it acts, and how strongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from qie_desktop.core.loras import SUFFIX, Lora
from qie_desktop.ui.controls.steady_boxes import SteadyDoubleSpinBox
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from qie_desktop.core.parameters import ParameterSpec

_BOX_PX = 68
_STEP = 0.1
_LEAST_PX = 60


class LoraRow(QWidget):
    """A check box with the file's name, and its strength. A file that is gone can only be left out."""

    changed = Signal()
    """The person has checked or unchecked it, or set its strength."""

    def __init__(self, name: str, spec: ParameterSpec, *, is_here: bool) -> None:
        super().__init__()
        self.name = name
        self.is_here = is_here
        bare = name.removesuffix(SUFFIX)
        self.check = _ElidedCheckBox(bare)
        self.check.setObjectName(f"lora_{name}")
        self.check.setAccessibleName(bare if is_here else f"{bare}, not in the folder")
        gone = f"{name} is not in the folder: add it again, or leave it out."
        self.check.setToolTip(name if is_here else gone)
        self.strength = SteadyDoubleSpinBox()
        self.strength.setObjectName(f"strength_{name}")
        self.strength.setAccessibleName(f"Strength of {bare}")
        self.strength.setToolTip("How strongly it acts: 1 as it was made; less than 0 does the opposite.")
        self.strength.setDecimals(2)
        self.strength.setSingleStep(_STEP)
        self.strength.setRange(spec.minimum or 0, 1 if spec.maximum is None else spec.maximum)
        self.strength.setValue(1)
        self.strength.setFixedWidth(_BOX_PX)
        self.strength.setAlignment(Qt.AlignmentFlag.AlignRight)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Spacing.s)
        row.addWidget(self.check, 1)
        if not is_here:
            missing = QLabel("missing")
            classes.make_muted(missing)
            classes.make_verdict(missing, "danger")
            row.addWidget(missing)
        row.addWidget(self.strength)
        self.check.clicked.connect(self._on_clicked)
        self.strength.valueChanged.connect(self._on_value_changed)
        self.show_lora(None)

    @property
    def lora(self) -> Lora | None:
        """What is chosen; None where it is not checked."""
        return Lora(self.name, round(self.strength.value(), 2)) if self.check.isChecked() else None

    def show_lora(self, lora: Lora | None) -> None:
        """Show a choice; the strength stays as it was where it is left out."""
        self.check.setChecked(lora is not None)
        self.strength.setEnabled(lora is not None)
        if lora is not None and lora.strength != self.strength.value():
            self.strength.blockSignals(True)
            self.strength.setValue(lora.strength)
            self.strength.blockSignals(False)

    @Slot()
    def _on_clicked(self) -> None:
        self.changed.emit()

    @Slot(float)
    def _on_value_changed(self, _value: float) -> None:
        self.changed.emit()


class _ElidedCheckBox(QCheckBox):
    """A check box that shortens its words in the middle rather than asking for room."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self._words = words
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as any."""
        return QSize(_LEAST_PX, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Narrow."""
        return self.sizeHint()

    def resizeEvent(self, resized: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Shorten the words to the room that there is."""
        super().resizeEvent(resized)
        beside = super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())
        room = max(0, self.width() - beside)
        # A single & would underline what follows it.
        shown = self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideMiddle, room)
        self.setText(shown.replace("&", "&&"))
