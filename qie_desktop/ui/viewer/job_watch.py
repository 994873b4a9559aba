"""How far the jobs are that have not ended, as told by their events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from qie_desktop.core.events import JobEvent, Phase, Step, Terminal
from qie_desktop.ui.viewer import progress_words

if TYPE_CHECKING:
    from qie_desktop.core.events import Preview
    from qie_desktop.core.job import Job
    from qie_desktop.ui.session import Jobs


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one job is. `fraction` is that of its present stage; None where it cannot be known.

    `wordings` say it, the longest one first.
    """

    job_id: str
    wordings: tuple[str, ...] = progress_words.QUEUED
    fraction: float | None = 0.0
    preview: Preview | None = None
    started: bool = False
    cancelling: bool = False


class JobWatch(QObject):
    """Follows the events of all jobs; one of them is the one to be shown. GUI thread only."""

    changed = Signal()
    """What is known of some job has changed."""
    previewed = Signal(str)
    """str: the id of a job with a new forming picture."""

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._known: dict[str, Progress] = {}
        self._ended: set[str] = set()
        self._preferred = ""
        jobs.submitted.connect(self._on_submitted)
        jobs.told.connect(self._on_told)
        jobs.ended.connect(self._on_ended)

    def prefer(self, job_id: str) -> None:
        """Show this job's progress whenever it has any; otherwise that of the one that was told of last."""
        if job_id != self._preferred:
            self._preferred = job_id
            self.changed.emit()

    def note_cancelling(self, job_id: str) -> None:
        """Note that the person has cancelled a job, before anything has come of it."""
        if job_id in self._active():
            now = self._known.get(job_id, Progress(job_id))
            self._known[job_id] = replace(now, cancelling=True)
            self.changed.emit()

    def progress(self, job_id: str) -> Progress | None:
        """Return how far this job is, or None when it is not known to be on its way."""
        return self._known.get(job_id)

    def current(self) -> Progress | None:
        """Return the progress to be shown, or None when there is none."""
        active = self._active()
        if self._preferred in active:
            return self._known.get(self._preferred, Progress(self._preferred))
        told = [progress for job_id, progress in self._known.items() if job_id in active]
        started = [progress for progress in told if progress.started]
        if started or told:
            return (started or told)[-1]
        return Progress(active[0]) if active else None

    def waiting_count(self) -> int:
        """Return how many jobs wait for their turn, without the one that is shown."""
        current = self.current()
        return sum(
            not (job_id in self._known and self._known[job_id].started)
            for job_id in self._active()
            if current is None or job_id != current.job_id
        )

    def _active(self) -> list[str]:
        # A job that has told of its end may stand in the queue for a moment still.
        return [job_id for job_id in self._jobs.active() if job_id not in self._ended]

    @Slot(object)
    def _on_submitted(self, job: Job) -> None:
        self._known.setdefault(job.job_id, Progress(job.job_id))
        self.changed.emit()

    @Slot(object)
    def _on_told(self, event: JobEvent) -> None:
        # The last one told of stands last.
        known = self._known.pop(event.job_id, Progress(event.job_id))
        if isinstance(event, Terminal):
            self._ended.add(event.job_id)
        else:
            # An interrupted job is resumed under its own id.
            self._ended.discard(event.job_id)
            self._known[event.job_id] = _after(known, event)
        self.changed.emit()
        if isinstance(event, Step) and event.preview is not None:
            self.previewed.emit(event.job_id)

    @Slot(object)
    def _on_ended(self, job: Job) -> None:
        self._known.pop(job.job_id, None)
        self._ended.add(job.job_id)
        self.changed.emit()


def _after(known: Progress, event: JobEvent) -> Progress:
    if not isinstance(event, (Phase, Step)):
        return known
    preview = event.preview if isinstance(event, Step) and event.preview else known.preview
    return replace(
        known,
        wordings=progress_words.wordings_of(event),
        fraction=progress_words.fraction_of(event),
        preview=preview,
        started=True,
    )
