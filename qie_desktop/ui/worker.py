"""The one thread on which jobs run: an asyncio loop, and the queue in front of the engines.

The loop is Python's own, not one of Qt's: each wait for a socket on Qt's is a notifier that is made and
connected. PySide (6.11) connects with the interpreter's lock held; the GUI thread, letting go of a slot whose
object has gone, waits for that lock within Qt's own. The two can lock each other for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import QieError
from qie_desktop.core.events import Phase, PhaseName
from qie_desktop.core.model import Place
from qie_desktop.services.run_job import run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from qie_desktop.core.job import Job
    from qie_desktop.engines.base import Engine
    from qie_desktop.storage.job_store import JobStore

_log = logging.getLogger(__name__)

_LOCAL_JOBS = 1
_LOOK_S = 0.05


@dataclass(slots=True)
class _Ticket:
    """A job on its way through the worker."""

    job: Job
    place: Place
    cancel: CancelToken = field(default_factory=CancelToken)
    task: asyncio.Task[None] | None = None


class _LoopThread(QThread):
    """A thread that runs one coroutine to its end on an asyncio loop."""

    def __init__(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__()
        self.setObjectName("qie-engines")
        self._main = main

    def run(self) -> None:
        """Run the coroutine. The loop is closed here; none of its executor's threads is waited for."""
        loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="qie-engine-io"))
        try:
            loop.run_until_complete(self._main())
        finally:
            loop.close()


class EngineWorker(QObject):
    """Runs jobs: one local one at a time, some cloud ones side by side, the rest in their order.

    Lives in its own thread, which starts with the first job. Every method may be called from any thread and
    returns at once. `max_cloud_jobs` is asked each time there may be room for one more; what `load` has for
    a place is called once, on a thread of its own, before the first job there.
    """

    told = Signal(object)
    """JobEvent: how far a job is. Emitted on whatever thread its engine uses."""
    ended = Signal(object)
    """Job: as it ended, after its terminal event."""
    kept = Signal(object)
    """Job: it has not begun and stays queued on disk, to be run at the next start."""

    def __init__(
        self,
        store: JobStore,
        engines: Mapping[Place, Engine],
        max_cloud_jobs: Callable[[], int],
        load: Mapping[Place, Callable[[], None]] | None = None,
    ) -> None:
        super().__init__()
        self._store = store
        self._engines = engines
        self._retired: list[Engine] = []
        self._max_cloud_jobs = max_cloud_jobs
        self._load = load or {}
        self._loading: dict[Place, asyncio.Future[None]] = {}
        self._lock = threading.Lock()
        self._tickets: dict[str, _Ticket] = {}
        self._inbox: deque[_Ticket] = deque()
        self._stopping = False
        self._keeps_cloud = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Event | None = None
        self._thread = _LoopThread(self._serve)
        self._started = False
        self.moveToThread(self._thread)

    @property
    def thread_is_running(self) -> bool:
        """Whether the thread has been started and has not ended."""
        return self._thread.isRunning()

    def enqueue(self, job: Job) -> None:
        """Run a job that is on disk, in its turn. After `stop` nothing is taken any more."""
        with self._lock:
            if self._stopping or job.job_id in self._tickets:
                return
            ticket = _Ticket(job, find_model(job.request.model_id).place)
            self._tickets[job.job_id] = ticket
            self._inbox.append(ticket)
            if not self._started:
                self._started = True
                self._thread.start()
        self._wake()

    def use_engines(self, engines: Mapping[Place, Engine]) -> None:
        """Run jobs that start from now on with these engines; others are closed once nothing runs."""
        with self._lock:
            kept = list(engines.values())
            self._retired += [engine for engine in self._engines.values() if engine not in kept]
            self._engines = engines
        self._wake()

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one that waits ends at once, without an engine."""
        with self._lock:
            ticket = self._tickets.get(job_id)
        if ticket is not None:
            ticket.cancel.cancel()
            self._wake()

    def stop(self, *, keep_cloud: bool = False) -> None:
        """Cancel everything, and end the thread once the engines have let go.

        With `keep_cloud`, cloud jobs are left on disk to be resumed: those that wait stay queued, those that
        run end as interrupted. The first call decides.
        """
        with self._lock:
            if self._stopping:
                return
            self._stopping, self._keeps_cloud = True, keep_cloud
            tickets = list(self._tickets.values())
        for ticket in tickets:
            if not (keep_cloud and ticket.place is Place.CLOUD):
                ticket.cancel.cancel()
        self._wake()

    def wait(self, timeout_s: float) -> bool:
        """Block until the thread has ended, for at most `timeout_s`; return whether it has."""
        return not self._started or self._thread.wait(int(timeout_s * 1000))

    def _wake(self) -> None:
        with self._lock:
            if self._loop is not None and self._changed is not None:
                self._loop.call_soon_threadsafe(self._changed.set)

    async def _serve(self) -> None:
        """Start jobs as they come and as there is room, until `stop`."""
        changed = asyncio.Event()
        with self._lock:
            self._loop, self._changed = asyncio.get_running_loop(), changed
        waiting: list[_Ticket] = []
        while not self._stopping:
            waiting = self._started_from(waiting)
            await self._close_retired()
            await changed.wait()
            changed.clear()
        await self._wind_up(waiting)
        with self._lock:
            self._loop = self._changed = None

    def _started_from(self, waiting: list[_Ticket]) -> list[_Ticket]:
        """Start what there is room for, in order, and what only has to end; return what goes on waiting."""
        while self._inbox:
            waiting.append(self._inbox.popleft())
        still: list[_Ticket] = []
        for ticket in waiting:
            if ticket.cancel.cancelled or self._has_room(ticket.place):
                ticket.task = asyncio.create_task(self._run(ticket))
            else:
                still.append(ticket)
        return still

    def _has_room(self, place: Place) -> bool:
        with self._lock:
            running = sum(
                ticket.task is not None and ticket.place is place for ticket in self._tickets.values()
            )
        return running < (_LOCAL_JOBS if place is Place.LOCAL else self._max_cloud_jobs())

    async def _run(self, ticket: _Ticket) -> None:
        job = ticket.job
        try:
            await self._engine_loaded(ticket)
            job = await run_job(job, self._store, self._engines[ticket.place], self.told.emit, ticket.cancel)
        except asyncio.CancelledError:
            # The program ends: how the job ended stands on disk.
            with contextlib.suppress(QieError):
                job = self._store.load(job.job_id)
        finally:
            with self._lock:
                self._tickets.pop(job.job_id, None)
        self.ended.emit(job)
        if self._changed is not None:
            self._changed.set()

    async def _engine_loaded(self, ticket: _Ticket) -> None:
        """Wait until what the first job of a place needs is loaded, or until the job is cancelled."""
        load = self._load.get(ticket.place)
        if load is None or ticket.cancel.cancelled:
            return
        if ticket.place not in self._loading:
            begun = asyncio.get_running_loop().run_in_executor(None, load)
            self._loading[ticket.place] = asyncio.ensure_future(begun)
        loading = self._loading[ticket.place]
        if not loading.done() and ticket.place is Place.LOCAL:
            # The other takes no time that is worth a word.
            self.told.emit(Phase(ticket.job.job_id, PhaseName.LOADING, detail="engine"))
        while not loading.done() and not ticket.cancel.cancelled:
            await asyncio.wait([loading], timeout=_LOOK_S)
        if loading.done():
            # What is missing is told by the engine itself, as the error of its job.
            with contextlib.suppress(ImportError):
                loading.result()

    async def _wind_up(self, waiting: list[_Ticket]) -> None:
        waiting = [*waiting, *self._inbox]
        self._inbox.clear()
        kept = [ticket for ticket in waiting if self._keeps_cloud and ticket.place is Place.CLOUD]
        for ticket in kept:
            self.kept.emit(ticket.job)
        self._started_from([ticket for ticket in waiting if ticket not in kept])
        with self._lock:
            running = [ticket for ticket in self._tickets.values() if ticket.task is not None]
        for ticket in running:
            if ticket.task is not None and not ticket.cancel.cancelled:
                ticket.task.cancel()
        tasks = [ticket.task for ticket in running if ticket.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        await self._close_retired()
        for engine in self._engines.values():
            await engine.close()

    async def _close_retired(self) -> None:
        with self._lock:
            if not self._retired or any(ticket.task is not None for ticket in self._tickets.values()):
                return
            retired, self._retired = self._retired, []
        for engine in retired:
            await engine.close()
