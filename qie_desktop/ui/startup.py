"""What is done once the window stands: jobs of an earlier run, the model to begin with, a welcome."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import (
    CredentialsMissing,
    JobDamaged,
    JobNotFound,
    QieError,
    SettingsError,
    UnknownModel,
)
from qie_desktop.core.job import JobState
from qie_desktop.services.model_choice import choose_model
from qie_desktop.services.recovery import recover
from qie_desktop.ui.viewer.message_bar import Kind, Message
from qie_desktop.ui.viewer.remedies import remedies_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.ui.main_window import MainWindow
    from qie_desktop.ui.session import Session

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """What an earlier run has left: jobs to take up, those that wait for a token, those that are over."""

    runnable: tuple[Job, ...]
    waiting: tuple[Job, ...]
    over: tuple[Job, ...]


class Startup(QObject):
    """Waits for the window's `began`, and does the rest off the GUI thread."""

    def __init__(self, window: MainWindow, files: Sequence[Path], *, choose: bool) -> None:
        super().__init__(window)
        self._window = window
        self._files = tuple(files)
        self._choose = choose
        self._first_model = window.draft.spec.id
        window.began.connect(self._on_began)
        window.dialogs.means_changed.connect(self._take_up)

    @Slot()
    def _on_began(self) -> None:
        window, session = self._window, self._window.session
        from qie_desktop.ui.sheets.about import app_icon  # noqa: PLC0415 - not before the window is painted

        QApplication.setWindowIcon(app_icon())
        self._window.controls.focus_prompt()
        window.open_files(self._files)
        window.gallery.reload()
        self._take_up()
        # A download outlives the window: it may be under way.
        window.dialogs.downloads.look()
        session.background.run(_warm_up, _nothing)
        if self._choose:
            choose = partial(choose_model, session.settings, self._problem)
            session.background.run(choose, self._on_model_chosen)
        for problem in session.settings.problems:
            window.show_error(SettingsError(problem, "Mend it in Settings."))

    @Slot()
    def _take_up(self) -> None:
        """Finish what is unfinished and can be run now: at the start, and once there is a token."""
        session = self._window.session
        work = partial(_look, session, self._kept())
        session.background.run(work, self._on_recovered, self._on_not_recovered)

    def _kept(self) -> frozenset[str]:
        """Return the jobs that the person wanted kept when the window was closed."""
        return frozenset(self._window.state.remembered.kept_jobs)

    def _problem(self, spec: ModelSpec) -> QieError | None:
        return self._window.session.readiness(spec, None)

    def _on_recovered(self, found: _Found) -> None:
        runner = self._window.machinery.runner
        runner.announce_ended(found.over)
        runner.resume(found.runnable)
        from qie_desktop.services.keeping import rule_of  # noqa: PLC0415 - not before the window is painted

        rule = rule_of(self._window.session.settings)
        if rule is not None:
            self._window.gallery.tidy(rule, frozenset(job.job_id for job in found.runnable))
        waiting = frozenset(job.job_id for job in found.waiting)
        if self._kept():
            self._window.state.remember(kept_jobs=tuple(sorted(self._kept() & waiting)))
        if waiting:
            self._window.viewer.show_message(_waiting_message(len(waiting)))

    def _on_not_recovered(self, error: QieError) -> None:
        self._window.show_error(error)

    def _on_model_chosen(self, spec: ModelSpec) -> None:
        draft = self._window.draft
        # Whoever has begun already is not interrupted.
        begun = draft.prompt or draft.image_count or draft.spec.id != self._first_model
        if not begun:
            draft.set_model(spec.id)


def _warm_up() -> None:
    """Import what the first job needs, so that Run need not. Off the GUI thread."""
    import qie_desktop.engines.loading  # noqa: PLC0415 # pyright: ignore[reportUnusedImport]
    import qie_desktop.ui.worker  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport]


def _nothing(_result: None) -> None:
    pass


def _look(session: Session, kept: frozenset[str]) -> _Found:
    """Settle what an earlier run has left. For any thread."""
    recovery = recover(session.store)
    wanted = {job.job_id: job for job in recovery.resumable}
    # Kept when the window was closed, before anything was sent: they simply begin now.
    for job_id in kept:
        with contextlib.suppress(JobNotFound, JobDamaged):
            job = session.store.load(job_id)
            if job.state is JobState.INTERRUPTED:
                wanted[job_id] = job
    jobs = [wanted[job_id] for job_id in sorted(wanted)]
    problems = [_problem(session, job) for job in jobs]
    runnable = [job for job, problem in zip(jobs, problems, strict=True) if problem is None]
    waiting = [job for job, problem in zip(jobs, problems, strict=True) if _is_about_token(problem)]
    over = [job for job in recovery.interrupted if job not in runnable]
    return _Found(tuple(runnable), tuple(waiting), tuple(over))


def _problem(session: Session, job: Job) -> QieError | None:
    try:
        problem = session.readiness(find_model(job.request.model_id), job.request)
    except UnknownModel as error:
        problem = error
    if problem is not None:
        _log.info("Job %s is not taken up: %s", job.job_id, problem)
    return problem


def _is_about_token(problem: QieError | None) -> bool:
    return isinstance(problem, CredentialsMissing)


def _waiting_message(count: int) -> Message:
    one = count == 1
    title = "A cloud job waits to be finished." if one else f"{count} cloud jobs wait to be finished."
    goes_on = "It goes on by itself" if one else "They go on by themselves"
    hint = f"{goes_on} once your token is here; what was paid for costs nothing more."
    code = CredentialsMissing.code
    return Message(Kind.WARNING, title, hint, remedies_for(code, can_retry=False), code=code)
