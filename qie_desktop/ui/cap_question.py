"""Asking before a job brings the month's spending above its cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMessageBox, QPushButton

from qie_desktop.ui.question import ask, new_question

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.cloud_errors import SpendingCapReached
    from qie_desktop.ui.job_runner import JobRunner

_EXPLAINED = "Prices are estimates; what is queued and running is counted. Nothing has been sent yet."


class _Again(Protocol):
    """Submits what was held back."""

    def __call__(self, *, above_cap: bool = False) -> None: ...


class CapQuestion(QObject):
    """Asks for each job that is held back, one after the other; what is not wanted is forgotten."""

    def __init__(self, window: QWidget, runner: JobRunner) -> None:
        super().__init__(window)
        self._window = window
        self._box: QMessageBox | None = None
        self._run: QPushButton | None = None
        self._asked_about: _Again | None = None
        self._waiting: list[_Again] = []
        runner.cap_reached.connect(self._on_cap_reached)

    @Slot(object, object)
    def _on_cap_reached(self, error: SpendingCapReached, again: _Again) -> None:
        if self._box is not None:
            self._waiting.append(again)
            return
        self._asked_about = again
        box = new_question(self._window, "cap_question")
        box.setText(error.message)
        box.setInformativeText(_EXPLAINED)
        self._run = box.addButton("Run Anyway", QMessageBox.ButtonRole.AcceptRole)
        self._run.setObjectName("run_anyway")
        # Return alone spends nothing.
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.finished.connect(self._on_answered)
        self._box = box
        ask(box)

    @Slot()
    def _on_answered(self) -> None:
        box, self._box = self._box, None
        if box is None:
            return
        if self._asked_about is not None and box.clickedButton() is self._run:
            self._asked_about(above_cap=True)
        box.deleteLater()
        # Whether the others stay within the cap hangs on this answer.
        waiting, self._waiting = self._waiting, []
        for again in waiting:
            again()
