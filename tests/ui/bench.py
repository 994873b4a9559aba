"""An engine for tests of the queue in front of it, and an ear for what a runner tells."""

from __future__ import annotations

import asyncio
import threading

from PIL import Image
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.errors import QieError
from qie_desktop.core.events import JobEvent, Step, Terminal
from qie_desktop.core.job import Job
from qie_desktop.core.model import ModelSpec, Place
from qie_desktop.core.request import Request
from qie_desktop.engines.base import EngineResult, EngineTask
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.job_runner import JobRunner
from qie_desktop.ui.worker import EngineWorker


class Bench:
    """An engine that makes a picture in a few steps, and notes who ran beside whom.

    One that remembers awaits, as a client of the cloud does; the other works on a thread.
    """

    def __init__(self, steps: int = 3, step_s: float = 0.005, remembers: bool = False) -> None:
        self.steps, self.step_s, self.remembers = steps, step_s, remembers
        self.order: list[str] = []
        self.running: set[str] = set()
        self.most_at_once = 0
        self.threads: set[int] = set()
        self.closed = False
        self.hold: threading.Event | None = None

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        del spec, request
        return None

    async def run(self, task: EngineTask, cancel: CancelToken) -> None:
        self.threads.add(threading.get_ident())
        self.order.append(task.job_id)
        self.running.add(task.job_id)
        self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            if self.remembers:
                await self._work_as_the_cloud_does(task, cancel)
            else:
                await asyncio.to_thread(self._work, task, cancel)
        finally:
            self.running.discard(task.job_id)

    def _work(self, task: EngineTask, cancel: CancelToken) -> None:
        for index in range(1, self.steps + 1):
            task.emit(Step(task.job_id, index, self.steps))
            cancel.wait(self.step_s)
            cancel.raise_if_cancelled()
        if self.hold is not None:
            self.hold.wait(20)
        task.save(EngineResult(0, Image.new("RGB", (150, 100), "teal")))

    async def _work_as_the_cloud_does(self, task: EngineTask, cancel: CancelToken) -> None:
        task.remember({"prediction": "p1"})
        for index in range(1, self.steps + 1):
            task.emit(Step(task.job_id, index, self.steps))
            await cancel.wait_async(self.step_s)
            cancel.raise_if_cancelled()
        task.save(EngineResult(0, Image.new("RGB", (150, 100), "teal")))

    async def free(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True


class Ear(QObject):
    """Notes every signal of a runner, and on which thread it came."""

    def __init__(self, runner: JobRunner) -> None:
        super().__init__()
        self.submitted: list[Job] = []
        self.refused: list[tuple[Request | None, QieError]] = []
        self.events: list[JobEvent] = []
        self.ended: list[Job] = []
        self.strange_threads = 0
        runner.submitted.connect(self.on_submitted)
        runner.refused.connect(self.on_refused)
        runner.told.connect(self.on_told)
        runner.ended.connect(self.on_ended)

    def note_thread(self) -> None:
        self.strange_threads += QThread.currentThread() is not self.thread()

    @Slot(object)
    def on_submitted(self, job: Job) -> None:
        self.note_thread()
        self.submitted.append(job)

    @Slot(object, object)
    def on_refused(self, request: Request | None, error: QieError) -> None:
        self.note_thread()
        self.refused.append((request, error))

    @Slot(object)
    def on_told(self, event: JobEvent) -> None:
        self.note_thread()
        self.events.append(event)

    @Slot(object)
    def on_ended(self, job: Job) -> None:
        self.note_thread()
        self.ended.append(job)

    def terminal(self, job_id: str) -> list[JobEvent]:
        return [event for event in self.events if event.job_id == job_id and isinstance(event, Terminal)]


def build_runner(store: JobStore, settings: Settings, local: Bench, cloud: Bench) -> JobRunner:
    worker = EngineWorker(
        store,
        {Place.LOCAL: local, Place.CLOUD: cloud},
        lambda: int(settings.get("cloud.max_jobs") or 1),
    )
    return JobRunner(store, settings, lambda _spec, _request: None, lambda: worker)


def wait_until_empty(qtbot: QtBot, runner: JobRunner, timeout_ms: int = 20_000) -> None:
    qtbot.waitUntil(lambda: not runner.is_busy, timeout=timeout_ms)
