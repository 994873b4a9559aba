"""The middle of the window: the picture, its errors, its outputs and how far the work is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from qie_desktop.core.errors import JobInterrupted
from qie_desktop.core.events import JobEvent, OutputSaved
from qie_desktop.core.job import JobState
from qie_desktop.ui.job_errors import error_of
from qie_desktop.ui.viewer.footer import Footer
from qie_desktop.ui.viewer.job_watch import JobWatch
from qie_desktop.ui.viewer.messages import message_of
from qie_desktop.ui.viewer.output_strip import OutputStrip
from qie_desktop.ui.viewer.presenter import Presenter
from qie_desktop.ui.viewer.stage import Stage
from qie_desktop.ui.viewer.subject import Subject
from qie_desktop.ui.viewer.view import View

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.errors import ErrorInfo, QieError
    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelKind
    from qie_desktop.core.request import Request
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.viewer.message_bar import Message
    from qie_desktop.ui.viewer.remedies import Remedy


LEAST_WIDTH = 318
"""So much is left in the smallest window between the other panes; how far a job is can be said in it."""


class ViewerPanel(QWidget):
    """Shows a job or an input. It changes nothing: what the person asks for is emitted. GUI thread only."""

    retry_requested = Signal(str)
    """str: the id of the job that is to be run again."""
    cancel_requested = Signal(str)
    """str: the id of the job that is to be cancelled."""
    help_requested = Signal(str)
    """str: the code of the error that the person wants help with: add a token, manage models, and so on."""
    open_requested = Signal()
    """The person wants to choose images, while nothing is shown."""
    zoom_changed = Signal(float)
    """float: percent; at 100 a pixel of the picture is one of the screen's."""
    compare_changed = Signal(bool)
    """bool: whether before and after are compared now."""
    shown_changed = Signal()
    """Another picture, or none, is shown; or what is shown can now be compared."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumWidth(LEAST_WIDTH)
        self._session = session
        self._subject = Subject()
        self._message_job = ""
        self._refusal: Message | None = None
        self._watch = JobWatch(session.jobs, self)
        self._stage = Stage(self)
        self._canvas = self._stage.canvas
        self._presenter = Presenter(session, self._watch, self._canvas)
        self._strip = OutputStrip(session.store, session.background, self)
        self._footer = Footer(self._watch, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._stage, 1)
        column.addWidget(self._strip)
        column.addWidget(self._footer)
        self._connect()

    def _connect(self) -> None:
        self._presenter.described.connect(self._footer.set_caption)
        self._presenter.failed.connect(self._on_picture_failed)
        self._canvas.zoom_changed.connect(self.zoom_changed)
        self._canvas.stepped.connect(self._on_stepped)
        self._canvas.comparison.toggled.connect(self.compare_changed)
        self._stage.empty.open_requested.connect(self.open_requested)
        self._stage.bar.chosen.connect(self._on_remedy_chosen)
        self._strip.chosen.connect(self._on_output_chosen)
        self._footer.cancel_requested.connect(self.cancel_requested)
        self._session.jobs.told.connect(self._on_told)
        self._session.jobs.ended.connect(self._on_ended)
        self._session.jobs.refused.connect(self._on_refused)

    def show_job(self, job: Job, index: int = 0) -> None:
        """Show a job: number `index` of its outputs, or what it works on and what is forming."""
        self._show(Subject(job, min(max(index, 0), max(0, len(job.outputs) - 1))))

    def show_input(self, path: Path) -> None:
        """Show a picture file by itself."""
        self._show(Subject(path=path))

    def clear(self) -> None:
        """Show nothing but what to do first."""
        self._show(Subject())

    def invite(self, kind: ModelKind) -> None:
        """Say, while nothing is shown, what to do first with a model of this kind."""
        self._stage.empty.invite(kind)

    def set_lit(self, lit: bool) -> None:
        """Light up, while nothing is shown, for something that is dragged over the window."""
        self._stage.empty.set_lit(lit)

    def is_settled(self) -> bool:
        """Return whether nothing is being opened: all that is shown has all its pixels."""
        return self._presenter.is_settled

    def shown_job(self) -> Job | None:
        """Return the job that is shown."""
        return self._subject.job

    def shows_something(self) -> bool:
        """Return whether a job or a picture is shown, and not what to do first."""
        return self._subject != Subject()

    def current_output_path(self) -> Path | None:
        """Return the file of the output that is shown, or None where it is no output."""
        return self._subject.output_path(self._session.store)

    def output_index(self) -> int:
        """Return which of the job's outputs is shown, from 0."""
        return self._subject.index

    def can_compare(self) -> bool:
        """Return whether what is shown has an input to be compared with."""
        return self._subject.can_compare

    def set_compare(self, on: bool) -> None:
        """Compare before and after, or do not; it is remembered while there is nothing to compare."""
        self._canvas.comparison.set_wanted(on)

    def compare_on(self) -> bool:
        """Return whether before and after are compared now."""
        return self._canvas.comparison.is_on

    def zoom_to_fit(self) -> None:
        """Show all of the picture, and go on doing so when the window is resized."""
        view = self._canvas.view
        if view is not None:
            self._canvas.set_view(View.fitted(view.viewport, view.picture, view.margin))

    def actual_size(self) -> None:
        """Show each pixel of the picture as one of the screen's."""
        view = self._canvas.view
        if view is not None:
            self._canvas.set_view(view.zoomed(1.0))

    def zoom_in(self) -> None:
        """Go to the next larger of the usual scales."""
        view = self._canvas.view
        if view is not None:
            self._canvas.set_view(view.stepped(1))

    def zoom_out(self) -> None:
        """Go to the next smaller of the usual scales."""
        view = self._canvas.view
        if view is not None:
            self._canvas.set_view(view.stepped(-1))

    def zoom_percent(self) -> float:
        """Return the zoom; at 100 a pixel of the picture is one of the screen's."""
        view = self._canvas.view
        return 100.0 if view is None else view.scale * 100

    def next_output(self) -> None:
        """Show the next of the job's outputs; after the last, the first."""
        self._on_stepped(1)

    def previous_output(self) -> None:
        """Show the one before; before the first, the last."""
        self._on_stepped(-1)

    def note_cancelling(self, job_id: str) -> None:
        """Say at once that a job is being cancelled, from wherever that was asked for."""
        self._watch.note_cancelling(job_id)

    def show_error(self, error: ErrorInfo, job_id: str = "") -> None:
        """Show an error over the picture; with the job's id it can be run again from there."""
        self._message_job = job_id
        job = self._subject.job if job_id and job_id == self._subject.job_id else None
        self._stage.bar.show_message(message_of(error, job_id, job))

    def show_message(self, message: Message) -> None:
        """Show any other message over the picture."""
        self._message_job = ""
        self._stage.bar.show_message(message)

    @Slot()
    def dismiss_refusal(self) -> None:
        """Say no longer why something was refused: it has been asked for anew."""
        if self._refusal is not None and self._stage.bar.message is self._refusal:
            self._stage.bar.clear()

    def _show(self, subject: Subject) -> None:
        last, self._subject = self._subject, subject
        message = self._stage.bar.message
        stays = message is not None and message.about_input and subject.path is not None
        if not stays and (not subject.job_id or subject.job_id != last.job_id):
            self._stage.bar.clear()
        self._watch.prefer(subject.job_id)
        self._stage.show_canvas(subject != Subject())
        self._strip.show_outputs(subject.job, subject.index)
        self._presenter.show(subject)
        job = subject.job
        error = error_of(job) if job else None
        if job and error and job.state in {JobState.FAILED, JobState.INTERRUPTED}:
            self.show_error(error, job.job_id)
        self.shown_changed.emit()

    @Slot(object)
    def _on_picture_failed(self, error: QieError) -> None:
        self.show_error(error.info())

    @Slot(int)
    def _on_stepped(self, direction: int) -> None:
        if self._subject.output_count > 1:
            self._show(self._subject.stepped(direction))

    @Slot(int)
    def _on_output_chosen(self, index: int) -> None:
        if index != self._subject.index:
            self._show(replace(self._subject, index=index))

    @Slot(object)
    def _on_remedy_chosen(self, remedy: Remedy) -> None:
        message = self._stage.bar.message
        self._stage.bar.clear()
        if remedy.retries:
            self.retry_requested.emit(self._message_job)
        elif message is not None:
            self.help_requested.emit(message.code)

    @Slot(object)
    def _on_told(self, event: JobEvent) -> None:
        if isinstance(event, OutputSaved) and event.job_id == self._subject.job_id:
            self._session.background.run(
                partial(self._session.store.load, event.job_id), self._on_reloaded, self._on_not_reloaded
            )

    def _on_reloaded(self, job: Job) -> None:
        shown = self._subject.job
        if not shiboken6.isValid(self) or shown is None or shown.job_id != job.job_id:
            return
        # What came late must not undo what has ended since.
        if not shown.state.is_terminal and len(job.outputs) >= len(shown.outputs):
            self._show(replace(self._subject, job=job))

    def _on_not_reloaded(self, _error: QieError) -> None:
        # Its end will be told, and then it is shown as it is.
        pass

    @Slot(object)
    def _on_ended(self, job: Job) -> None:
        if job.job_id == self._subject.job_id:
            self._show(replace(self._subject, job=job))
            return
        error = error_of(job)
        # Of what a closed program has left, only what is looked at is told.
        if error is not None and error.code != JobInterrupted.code:
            self.show_error(error, job.job_id)

    @Slot(object, object)
    def _on_refused(self, request: Request, error: QieError) -> None:
        del request
        self.show_error(error.info())
        self._refusal = self._stage.bar.message
