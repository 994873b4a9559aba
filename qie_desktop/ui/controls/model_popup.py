"""The list of models that the picker opens: grouped by what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import ModelNotInstalled
from qie_desktop.core.model import ModelKind
from qie_desktop.ui.controls.model_row import ModelRow
from qie_desktop.ui.controls.popup import Popup
from qie_desktop.ui.controls.wording import KIND_NAMES
from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from qie_desktop.storage.settings import Settings
    from qie_desktop.ui.controls.readiness import Readiness

_STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}


class ModelPopup(Popup):
    """All models, in the groups Edit, Generate and Hybrid. The arrow keys move, Return chooses."""

    chosen = Signal(str)
    """str: the id of the model that the person chose."""
    help_requested = Signal(str)
    """str: the code of the error that the person wants mended."""

    def __init__(self, readiness: Readiness, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("model_list")
        self.setAccessibleName("Models")
        self._readiness = readiness
        column = QVBoxLayout(self)
        column.setContentsMargins(Spacing.s, Spacing.s, Spacing.s, Spacing.s)
        column.setSpacing(0)
        self.rows: list[ModelRow] = []
        for kind in ModelKind:
            column.addWidget(_heading(KIND_NAMES[kind]))
            for spec in CATALOGUE:
                if spec.kind is kind:
                    row = ModelRow(spec, settings)
                    row.clicked.connect(self._on_row_clicked)
                    row.help_requested.connect(self._on_help_requested)
                    self.rows.append(row)
                    column.addWidget(row)
        readiness.changed.connect(self._on_readiness_changed)
        readiness.download_changed.connect(self._on_readiness_changed)
        self._on_readiness_changed()

    def open(self, anchor: QWidget, model_id: str) -> None:
        """Open with a model as the one chosen now."""
        self._readiness.refresh()
        self.show_under(anchor)
        for row in self.rows:
            row.setChecked(row.spec.id == model_id)
            if row.spec.id == model_id:
                row.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Move among the rows."""
        step = _STEPS.get(Qt.Key(pressed.key()))
        if step is None:
            super().keyPressEvent(pressed)
            return
        focused = next((at for at, row in enumerate(self.rows) if row.hasFocus()), 0 if step < 0 else -1)
        self.rows[(focused + step) % len(self.rows)].setFocus(Qt.FocusReason.TabFocusReason)

    @Slot()
    def _on_readiness_changed(self) -> None:
        for row in self.rows:
            problem = self._readiness.problem(row.spec)
            # Only who waits for it hears of a download.
            waits = isinstance(problem, ModelNotInstalled)
            row.show_problem(problem, self._readiness.download_text(row.spec) if waits else "")

    @Slot()
    def _on_row_clicked(self) -> None:
        row = self.sender()
        self.close()
        if isinstance(row, ModelRow):
            self.chosen.emit(row.spec.id)

    @Slot(str)
    def _on_help_requested(self, code: str) -> None:
        self.close()
        self.help_requested.emit(code)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    make_muted(label)
    label.setContentsMargins(Spacing.s, Spacing.s, 0, Spacing.xs)
    return label
