"""Closing the window: with jobs running it asks once, and then ends within five seconds, come what may."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QPushButton

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import UnknownModel
from qie_desktop.core.model import Place
from qie_desktop.ui.question import ask, new_question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.job import Job
    from qie_desktop.ui.job_runner import JobRunner

GRACE_MS = 4_000
"""How long engines have to let go; what comes after has to fit into the fifth second."""
_POLL_MS = 20
_ALL_CLOUD = "They go on in the cloud, and are picked up at the next start."


class Choice(Enum):
    """What becomes of the jobs."""

    WAIT = "wait"
    KEEP_CLOUD = "keep cloud"
    CANCEL = "cancel"


class Closing(QObject):
    """Decides when the window may go. `begin` as often as the person likes: one question stands at a time."""

    finished = Signal()
    """The window can go: the jobs have ended, or had their time."""
    kept = Signal(list)
    """The ids of the cloud jobs that the person wants finished at the next start."""

    def __init__(self, window: QWidget, runner: JobRunner) -> None:
        super().__init__(window)
        self._window = window
        self._runner = runner
        self._question: QMessageBox | None = None
        self._choices: dict[QAbstractButton, Choice] = {}
        self._waits = False
        self._ends = False
        self._poll = QTimer(self, interval=_POLL_MS)
        self._poll.timeout.connect(self._on_polled)
        self.grace = QTimer(self, singleShot=True, interval=GRACE_MS)
        self.grace.timeout.connect(self._finish)
        self.is_finished = False
        runner.emptied.connect(self._on_emptied)

    def begin(self) -> None:
        """Close at once where nothing runs; else ask."""
        if self._ends:
            return
        if not self._runner.is_busy:
            self.decide(Choice.CANCEL)
        elif self._question is None:
            self._ask()
        else:
            self._question.raise_()

    @Slot()
    def end_now(self) -> None:
        """Ask nothing: the system wants the program to end. Cloud jobs, which are paid for, are kept."""
        self.decide(Choice.KEEP_CLOUD)

    def decide(self, choice: Choice) -> None:
        """Do what the person has chosen."""
        if self._ends:
            return
        self._waits = choice is Choice.WAIT
        if self._waits:
            self._on_emptied()
            return
        self._ends = True
        self._window.hide()
        if choice is Choice.KEEP_CLOUD:
            self.kept.emit([job.job_id for job in _cloud(self._runner.active_jobs())])
        self._runner.stop(keep_cloud=choice is Choice.KEEP_CLOUD)
        self.grace.start()
        self._poll.start()
        self._on_polled()

    def _ask(self) -> None:
        jobs = self._runner.active_jobs()
        cloud = _cloud(jobs)
        box = new_question(self._window, "closing_question")
        count = max(1, len(jobs))
        box.setText("A job is still running." if count == 1 else f"{count} jobs are still running.")
        box.setInformativeText(_explained(count, cloud_count=len(cloud)))
        self._choices = {}
        wait = self._button(box, "Wait, Then Quit", QMessageBox.ButtonRole.AcceptRole, Choice.WAIT)
        if cloud:
            role = QMessageBox.ButtonRole.YesRole
            self._button(box, "Keep Cloud Jobs and Quit", role, Choice.KEEP_CLOUD)
        role = QMessageBox.ButtonRole.DestructiveRole
        self._button(box, "Cancel Jobs and Quit", role, Choice.CANCEL)
        stay = "Don’t Quit"  # noqa: RUF001 - an apostrophe
        box.setEscapeButton(box.addButton(stay, QMessageBox.ButtonRole.RejectRole))
        box.setDefaultButton(wait)
        box.finished.connect(self._on_answered)
        self._question = box
        ask(box)

    def _button(
        self, box: QMessageBox, text: str, role: QMessageBox.ButtonRole, choice: Choice
    ) -> QPushButton:
        button = box.addButton(text, role)
        button.setObjectName(f"closing_{choice.name.lower()}")
        self._choices[button] = choice
        return button

    @Slot()
    def _on_answered(self) -> None:
        box, self._question = self._question, None
        if box is None:
            return
        choice = self._choices.get(box.clickedButton())
        box.deleteLater()
        if choice is not None:
            self.decide(choice)

    @Slot()
    def _on_emptied(self) -> None:
        if self._runner.is_busy:
            return
        if self._waits:
            self.decide(Choice.CANCEL)
        elif self._question is not None:
            # What was asked about is over: the window goes, as was wanted.
            self._question.done(0)
            self.decide(Choice.CANCEL)

    @Slot()
    def _on_polled(self) -> None:
        if self._runner.has_let_go:
            self._finish()

    @Slot()
    def _finish(self) -> None:
        self._poll.stop()
        self.grace.stop()
        if not self.is_finished:
            self.is_finished = True
            self.finished.emit()


def _explained(count: int, cloud_count: int) -> str:
    if cloud_count == count:
        return "It goes on in the cloud, and is picked up at the next start." if count == 1 else _ALL_CLOUD
    if cloud_count:
        return "Those in the cloud go on there, and are picked up at the next start."
    return "You can wait: the window then closes by itself when the work is done."


def _cloud(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if _runs_in_the_cloud(job)]


def _runs_in_the_cloud(job: Job) -> bool:
    try:
        return find_model(job.request.model_id).place is Place.CLOUD
    except UnknownModel:
        return False
