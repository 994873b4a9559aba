"""Jobs as the window sees them: submitted off the GUI thread, run by the worker, told as signals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.cloud_errors import SpendingCapReached
from qie_desktop.core.errors import JobStateError, QieError
from qie_desktop.core.events import JobEvent, Queued, Terminal
from qie_desktop.core.job import JobState
from qie_desktop.services.retry import resumes, retry_or_resume
from qie_desktop.services.spending import require_budget
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


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be run: a request, or the job of this id again."""

    request: Request | None = None
    job_id: str = ""
    new_seed: bool = False


class JobRunner(QObject):
    """Implements `session.Jobs`. GUI thread; every call returns at once, and signals tell what came of it.

    The worker is made with the first job.
    """

    submitted = Signal(object)
    """Job: it is on disk and queued."""
    refused = Signal(object, object)
    """Request (None where there is no such job to retry), QieError: it never became a job."""
    cap_reached = Signal(object, object)
    """SpendingCapReached, Callable: nothing was submitted; the second does it, `above_cap=True` unchecked."""
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
        self._submitting: list[_Wish] = []
        self._stopped = False

    def submit(self, request: Request) -> None:
        """Check a request, put it on disk and run it in its turn."""
        self._begin(_Wish(request))

    def retry(self, job_id: str, *, new_seed: bool = False) -> None:
        """Run a job again, as a new one; one that was cut off and is paid for is finished instead."""
        wish = _Wish(job_id=job_id, new_seed=new_seed)
        # Two clicks are not two jobs; two seeds are.
        if new_seed or not (job_id in self._active or wish in self._submitting):
            self._begin(wish)

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

    def _begin(self, wish: _Wish, *, above_cap: bool = False) -> None:
        self._submitting.append(wish)
        work = partial(self._put_on_disk, wish, above_cap)
        self._lane.run(work, partial(self._on_put_on_disk, wish), partial(self._on_refused, wish))

    def _put_on_disk(self, wish: _Wish, above_cap: bool) -> Job:
        """Check and submit. On the lane's thread."""
        if wish.request is None:
            return self._put_on_disk_again(wish, above_cap)
        self._check_ready(wish.request)
        self._check_budget(wish.request, above_cap)
        return self._still_wanted(submit(self._store, self._settings, wish.request))

    def _put_on_disk_again(self, wish: _Wish, above_cap: bool) -> Job:
        """Check and submit again, or take the job itself up to be finished. On the lane's thread."""
        old = self._store.load(wish.job_id)
        self._check_ready(old.request)
        if not resumes(old, new_seed=wish.new_seed):
            self._check_budget(old.request, above_cap)
        job = retry_or_resume(self._store, self._settings, wish.job_id, new_seed=wish.new_seed)
        # One that is finished waits for its turn from now on; on disk it is interrupted until it runs.
        return replace(self._still_wanted(job), state=JobState.QUEUED, error=None)

    def _check_ready(self, request: Request) -> None:
        if self._stopped:
            raise _closing()
        problem = self._readiness(find_model(request.model_id), request)
        if problem is not None:
            raise problem

    def _check_budget(self, request: Request, above_cap: bool) -> None:
        if not above_cap:
            require_budget(request, find_model(request.model_id), self._store, self._settings)

    def _still_wanted(self, job: Job) -> Job:
        """Return the job, or end it where the window was closed meanwhile. On the lane's thread."""
        if not self._stopped:
            return job
        if job.state is JobState.QUEUED:
            self._store.update(job.job_id, lambda current: current.moved_to(JobState.CANCELLED))
        self._store.claims.drop(self._store.folder(job.job_id))
        raise _closing()

    def _on_put_on_disk(self, wish: _Wish, job: Job) -> None:
        self._submitting.remove(wish)
        self._start(job)

    def _on_refused(self, wish: _Wish, error: QieError) -> None:
        self._submitting.remove(wish)
        if isinstance(error, SpendingCapReached):
            self.cap_reached.emit(error, partial(self._begin, wish))
        else:
            self.refused.emit(wish.request, error)
        self._tell_when_empty()

    def _start(self, job: Job) -> None:
        self._active[job.job_id] = job
        self.submitted.emit(job)
        self.told.emit(Queued(job.job_id))
        if self._worker is None:
            self._worker = self._make_worker()
            self._worker.told.connect(self._on_told)
            self._worker.ended.connect(self._on_ended)
            self._worker.kept.connect(self._on_kept)
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

    @Slot(object)
    def _on_kept(self, job: Job) -> None:
        self._active.pop(job.job_id, None)
        self._tell_when_empty()

    def _tell_when_empty(self) -> None:
        if not self.is_busy:
            self.emptied.emit()


def _closing() -> JobStateError:
    return JobStateError("The window is closing.", "Open it again, and run this then.")
