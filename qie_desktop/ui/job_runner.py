"""Jobs as the window sees them: submitted off the GUI thread, run by the worker, told as signals."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import JobStateError, QieError
from qie_desktop.core.events import JobEvent, Queued, Terminal
from qie_desktop.core.job import JobState
from qie_desktop.services.retry import retry
from qie_desktop.services.submit import submit
from qie_desktop.ui.background import BackgroundPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.storage.settings import Settings
    from qie_desktop.ui.worker import EngineWorker


class JobRunner(QObject):
    """Implements `session.Jobs`. GUI thread; every call returns at once, and signals tell what came of it.

    The worker is made with the first job.
    """

    submitted = Signal(object)
    """Job: it is on disk and queued."""
    refused = Signal(object, object)
    """Request (None where there is no such job to retry), QieError: it never became a job."""
    told = Signal(object)
    """JobEvent: how far a job is, and how it ended. Nothing follows a job's terminal event."""
    ended = Signal(object)
    """Job: as it is on disk after its terminal event."""
    emptied = Signal()
    """No job is queued or runs any longer, and none is being submitted."""

    def __init__(
        self,
        store: JobStore,
        settings: Settings,
        readiness: Callable[[ModelSpec, Request | None], QieError | None],
        make_worker: Callable[[], EngineWorker],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._settings = settings
        self._readiness = readiness
        self._make_worker = make_worker
        self._worker: EngineWorker | None = None
        # One thread of its own: jobs are queued in the order in which they were asked for.
        self._lane = BackgroundPool(1, "qie-submit", self)
        self._active: dict[str, Job] = {}
        self._ending: set[str] = set()
        self._submitting = 0
        self._stopped = False

    def submit(self, request: Request) -> None:
        """Check a request, put it on disk and run it in its turn."""
        self._begin(partial(self._put_on_disk, request), request)

    def retry(self, job_id: str, *, new_seed: bool = False) -> None:
        """Run a job again, as a new one."""
        self._begin(partial(self._put_on_disk_again, job_id, new_seed), None)

    def resume(self, jobs: Iterable[Job]) -> None:
        """Take up interrupted jobs where they were."""
        for job in jobs:
            if job.job_id not in self._active:
                self._start(job)

    def announce_ended(self, jobs: Iterable[Job]) -> None:
        """Tell of jobs that ended without having run here, such as those of a program that was killed."""
        for job in jobs:
            self.ended.emit(job)

    def cancel(self, job_id: str) -> None:
        """Cancel a queued or running job."""
        if self._worker is not None:
            self._worker.cancel(job_id)

    def cancel_all(self) -> None:
        """Cancel every queued and running job."""
        for job_id in self._active:
            self.cancel(job_id)

    def active(self) -> Sequence[str]:
        """Return the ids of the jobs that are queued or running, in their order."""
        return tuple(self._active)

    def active_jobs(self) -> Sequence[Job]:
        """Return the jobs that are queued or running, as they were when they were queued."""
        return tuple(self._active.values())

    @property
    def is_busy(self) -> bool:
        """Whether anything is queued, runs, is just ending or is being submitted."""
        return bool(self._active or self._ending or self._submitting)

    @property
    def has_let_go(self) -> bool:
        """Whether no engine works any longer and all ends were told."""
        return not (self._worker is not None and self._worker.thread_is_running) and not self.is_busy

    def stop(self, *, keep_cloud: bool = False) -> None:
        """Take nothing more and cancel what there is; see `EngineWorker.stop`. Returns at once."""
        self._stopped = True
        if self._worker is not None:
            self._worker.stop(keep_cloud=keep_cloud)

    def wait(self, timeout_s: float) -> bool:
        """Block until all threads have ended, at most `timeout_s`; return whether they have."""
        ended = self._worker is None or self._worker.wait(timeout_s)
        return self._lane.shut_down(timeout_s) and ended

    def _begin(self, work: Callable[[], Job], request: Request | None) -> None:
        self._submitting += 1
        self._lane.run(work, self._on_put_on_disk, partial(self._on_refused, request))

    def _put_on_disk(self, request: Request) -> Job:
        """Check and submit. On the lane's thread."""
        self._check(request)
        return self._still_wanted(submit(self._store, self._settings, request))

    def _put_on_disk_again(self, job_id: str, new_seed: bool) -> Job:
        """Check and submit again. On the lane's thread."""
        self._check(self._store.load(job_id).request)
        return self._still_wanted(retry(self._store, self._settings, job_id, new_seed=new_seed))

    def _check(self, request: Request) -> None:
        if self._stopped:
            raise _closing()
        problem = self._readiness(find_model(request.model_id), request)
        if problem is not None:
            raise problem

    def _still_wanted(self, job: Job) -> Job:
        """Return the job, or end it where the window was closed meanwhile. On the lane's thread."""
        if not self._stopped:
            return job
        self._store.update(job.job_id, lambda current: current.moved_to(JobState.CANCELLED))
        self._store.claims.drop(self._store.folder(job.job_id))
        raise _closing()

    def _on_put_on_disk(self, job: Job) -> None:
        self._submitting -= 1
        self._start(job)

    def _on_refused(self, request: Request | None, error: QieError) -> None:
        self._submitting -= 1
        self.refused.emit(request, error)
        self._tell_when_empty()

    def _start(self, job: Job) -> None:
        self._active[job.job_id] = job
        self.submitted.emit(job)
        self.told.emit(Queued(job.job_id))
        if self._worker is None:
            self._worker = self._make_worker()
            self._worker.told.connect(self._on_told)
            self._worker.ended.connect(self._on_ended)
        self._worker.enqueue(job)

    @Slot(object)
    def _on_told(self, event: JobEvent) -> None:
        if event.job_id not in self._active:
            return
        if isinstance(event, Terminal):
            del self._active[event.job_id]
            self._ending.add(event.job_id)
        self.told.emit(event)

    @Slot(object)
    def _on_ended(self, job: Job) -> None:
        self._active.pop(job.job_id, None)
        self._ending.discard(job.job_id)
        self.ended.emit(job)
        self._tell_when_empty()

    def _tell_when_empty(self) -> None:
        if not self.is_busy:
            self.emptied.emit()


def _closing() -> JobStateError:
    return JobStateError("The window is closing.", "Open it again, and run this then.")
