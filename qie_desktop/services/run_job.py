"""Running a job: from queued to its end, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import (
    EngineError,
    ErrorInfo,
    InternalError,
    JobInterrupted,
    JobStateError,
    OutOfMemory,
    QieError,
)
from qie_desktop.core.events import Cancelled, Failed, JobEvent, Succeeded, Terminal
from qie_desktop.core.job import LEGAL_TRANSITIONS, Job, JobState, now
from qie_desktop.core.model import Place
from qie_desktop.engines.base import Engine, EngineTask, Unfinished
from qie_desktop.services.event_gate import EventGate
from qie_desktop.services.result_saver import ResultSaver
from qie_desktop.services.spending import final_cost_usd, record_spending
from qie_desktop.storage.job_files import index_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.engines.base import EngineResult
    from qie_desktop.storage.job_store import JobStore

_log = logging.getLogger(__name__)

_WATCH_S = 3600.0
_NEAR_JOBS = 1000


async def run_job(
    job: Job, store: JobStore, engine: Engine, emit: Callable[[JobEvent], None], cancel: CancelToken
) -> Job:
    """Run a queued or interrupted job, and return it as it ended. Never raises.

    Emits progress, at most ten times a second, and then exactly one of `Succeeded`, `Failed` and `Cancelled`,
    once the end stands on disk; `emit` is called from whatever thread the engine uses. A set `cancel` always
    ends in `Cancelled`; results that are there by then are kept.

    When the asyncio task itself is cancelled, because the program ends, the job is ended first and the
    CancelledError goes on to whoever runs the task: only this one is let through. The job is then cancelled,
    or, where its engine has remembered something to resume by, interrupted: it has been paid for.
    """
    run = _Run(job, store, engine, emit, cancel)
    stopped: asyncio.CancelledError | None = None
    ending = _Ending()
    try:
        with _caught(job.job_id, ending):
            await run.work()
    except asyncio.CancelledError as error:
        stopped = error
        ending = run.stopped()
    ended = run.finish(ending)
    task = asyncio.current_task()
    if stopped is not None and task is not None and task.cancelling():
        raise stopped
    return ended


@dataclass(slots=True)
class _Ending:
    """How a job is going to end."""

    state: JobState = JobState.SUCCEEDED
    error: ErrorInfo | None = None

    def fail(self, error: QieError) -> None:
        self.state, self.error = JobState.FAILED, error.info()

    def event(self, job_id: str) -> Terminal:
        """Return the terminal event; an interrupted job counts as failed until it is resumed."""
        if self.error is not None:
            return Failed(job_id, self.error)
        return Cancelled(job_id) if self.state is JobState.CANCELLED else Succeeded(job_id)


@contextmanager
def _caught(job_id: str, ending: _Ending) -> Generator[None]:
    """Note in `ending` what goes wrong; nothing but what ends the task or the process gets through."""
    try:
        yield
    except JobCancelled:
        ending.state, ending.error = JobState.CANCELLED, None
    except Unfinished as unfinished:
        _log.info("Job %s: unfinished: %s: %s", job_id, unfinished.error.code, unfinished)
        ending.state, ending.error = JobState.INTERRUPTED, unfinished.error.info()
    except QieError as error:
        _log.info("Job %s: %s: %s", job_id, error.code, error)
        ending.fail(error)
    except MemoryError:
        _log.exception("Job %s ran out of memory", job_id)
        ending.fail(
            OutOfMemory(
                "There was not enough memory for this.",
                "Close other programs, or choose a smaller quantisation or picture.",
            )
        )
    except Exception as error:  # noqa: BLE001 - a job must come to an end that is told, whatever an engine does
        _log.exception("Job %s: unforeseen", job_id)
        ending.fail(
            InternalError(
                f"Something went wrong that was not foreseen ({type(error).__name__}).",
                "Try again; if it happens again, the log in the data folder has the details.",
            )
        )


class _Run:
    """One run of one job. `work` and `finish` on the event loop; what the engine calls, on any thread."""

    def __init__(
        self,
        job: Job,
        store: JobStore,
        engine: Engine,
        emit: Callable[[JobEvent], None],
        cancel: CancelToken,
    ) -> None:
        self._job = job
        self._store = store
        self._engine = engine
        self._emit = emit
        self._cancel = cancel
        self._gate = EventGate(self._tell)
        self._lock = threading.Lock()
        self._measured: dict[str, float] = {}
        self._remembered = any(job.remote.values())
        self._owned = False
        self._saver: ResultSaver | None = None

    async def work(self) -> None:
        """Take the job, run its engine, and see that something came of it."""
        self._take()
        spec = find_model(self._job.request.model_id)
        if not self._remembered:
            # Else the engine is asked all the same: what goes on elsewhere is for it to stop.
            self._cancel.raise_if_cancelled()
        self._job = self._store.update(self._job.job_id, lambda job: job.moved_to(JobState.RUNNING))
        self._saver = ResultSaver(self._job, spec, self._store, self._gate.pass_on)
        watch = asyncio.create_task(self._note_cancelling())
        try:
            await self._engine.run(self._task(spec, self._saver), self._cancel)
        finally:
            watch.cancel()
        self._cancel.raise_if_cancelled()
        if not self._saver.count:
            raise EngineError(f"{spec.name} ended without a picture.", "Try again, or choose another model.")

    def stopped(self) -> _Ending:
        """Return how a job ends whose task was cancelled from outside."""
        if not self._cancel.cancelled and self._remembered and _runs_elsewhere(self._job):
            error = JobInterrupted(
                "The program ended before this job did.", "Finish it with `qie jobs resume`."
            )
            return _Ending(JobState.INTERRUPTED, error.info())
        # An engine's own threads do not notice that the task is gone.
        self._cancel.cancel()
        return _Ending(JobState.CANCELLED)

    def finish(self, ending: _Ending) -> Job:
        """Put the end on disk, let go of the job and emit the terminal event, in this order."""
        job_id = self._job.job_id
        if self._saver is not None:
            self._saver.close()
        if self._cancel.cancelled and ending.state is not JobState.CANCELLED:
            _log.info("Job %s was cancelled; it would have ended as %s", job_id, ending)
            ending = _Ending(JobState.CANCELLED)
        saving = _Ending()
        with _caught(job_id, saving):
            if self._owned:
                self._job = self._store.update(job_id, lambda job: self._ended(job, ending))
        if saving.error is not None or not self._owned:
            if ending.state is JobState.SUCCEEDED:
                ending = saving
            self._job = replace(self._job, state=ending.state, error=ending.error, finished_at=now())
        elif ending.state is not JobState.INTERRUPTED:
            with _caught(job_id, _Ending()):
                record_spending(self._store.data_folder, self._job)
        if self._owned:
            # Before the event: whoever hears that the job has ended may delete it at once.
            with _caught(job_id, _Ending()):
                self._store.claims.drop(self._store.folder(job_id))
        self._gate.close(ending.event(job_id))
        return self._job

    def _take(self) -> None:
        folder = self._store.folder(self._job.job_id)
        if not self._store.claims.take(folder):
            raise JobStateError(
                f"Job {self._job.job_id} is being run by another process.", "Wait until that has ended."
            )
        try:
            job = self._store.load(self._job.job_id)
            if job.state not in {JobState.QUEUED, JobState.INTERRUPTED}:
                raise JobStateError(f"Job {job.job_id} is {job.state}: it cannot be run.", "Run it again.")
        except QieError:
            self._store.claims.drop(folder)
            raise
        self._job = job
        self._remembered = any(job.remote.values())
        self._owned = True

    def _task(self, spec: ModelSpec, saver: ResultSaver) -> EngineTask:
        def save(result: EngineResult) -> Path:
            return saver.save(result)

        return EngineTask(
            job_id=self._job.job_id,
            spec=spec,
            request=self._job.request,
            emit=self._gate.pass_on,
            save=save,
            remember=self._remember,
            measure=self._measure,
            remote=dict(self._job.remote),
            folder=self._store.folder(self._job.job_id),
            saved=frozenset(index_of(output.name) for output in self._job.outputs),
            taken=self._taken,
        )

    def _taken(self, name: str, value: str) -> bool:
        """Whether another job has remembered this; those of the last while are looked at."""
        return any(
            job.remote.get(name) == value
            for job in self._store.list(limit=_NEAR_JOBS)
            if job.job_id != self._job.job_id
        )

    def _tell(self, event: JobEvent) -> None:
        """Call the front's `emit`; what goes wrong in there is its own affair, not the job's."""
        with _caught(event.job_id, _Ending()):
            self._emit(event)

    def _remember(self, items: Mapping[str, str]) -> None:
        job = self._store.update(self._job.job_id, lambda job: replace(job, remote={**job.remote, **items}))
        self._remembered = any(job.remote.values())

    def _measure(self, name: str, value: float) -> None:
        # JSON knows neither NaN nor infinity, and a figure is not worth failing for.
        if math.isfinite(value):
            with self._lock:
                self._measured[name] = value

    async def _note_cancelling(self) -> None:
        """Note on disk that the person has cancelled, while the engine is still busy ending."""
        while not await self._cancel.wait_async(_WATCH_S):
            pass
        with _caught(self._job.job_id, _Ending()):
            self._store.update(self._job.job_id, _cancelling)

    def _ended(self, job: Job, ending: _Ending) -> Job:
        with self._lock:
            job = replace(job, measured={**job.measured, **self._measured})
        if ending.state not in LEGAL_TRANSITIONS[job.state] and job.state is not JobState.CANCELLING:
            # An interrupted job that could not be resumed.
            job = job.moved_to(JobState.RUNNING)
        job = job.moved_to(ending.state, error=ending.error)
        if ending.state is JobState.INTERRUPTED:
            return job
        return replace(job, cost_usd=final_cost_usd(job))


def _runs_elsewhere(job: Job) -> bool:
    """Whether the job goes on without this process."""
    return find_model(job.request.model_id).place is Place.CLOUD


def _cancelling(job: Job) -> Job:
    return job.moved_to(JobState.CANCELLING) if job.state is JobState.RUNNING else job
