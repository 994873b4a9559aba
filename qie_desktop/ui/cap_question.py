"""Asking before a job brings the month's spending above its cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMessageBox

from qie_desktop.ui.question import Question

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

    asked = Signal()
    """The person is being asked about a job."""

    def __init__(self, window: QWidget, runner: JobRunner) -> None:
        super().__init__(window)
        self._question = Question(window, "cap_question", self)
        self._question.answered.connect(self._on_answered)
        self._asked_about: _Again | None = None
        self._waiting: list[_Again] = []
        runner.cap_reached.connect(self._on_cap_reached)

    @Slot(object, object)
    def _on_cap_reached(self, error: SpendingCapReached, again: _Again) -> None:
        if self._question.is_open:
            self._waiting.append(again)
            return
        self._asked_about = again
        role = QMessageBox.ButtonRole.AcceptRole
        self._question.ask(error.message, _EXPLAINED, "Run Anyway", "run_anyway", role)
        self.asked.emit()

    @Slot(bool)
    def _on_answered(self, agreed: bool) -> None:
        if agreed and self._asked_about is not None:
            self._asked_about(above_cap=True)
        # Whether the others stay within the cap hangs on this answer.
        waiting, self._waiting = self._waiting, []
        for again in waiting:
            again()
