from __future__ import annotations

import threading
from collections.abc import Callable

from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import CredentialsMissing
from qie_desktop.core.events import Phase, PhaseName, Step
from qie_desktop.core.job import JobState
from qie_desktop.core.model import Place
from qie_desktop.core.request import Request
from qie_desktop.services.recovery import recover
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.job_runner import JobRunner
from qie_desktop.ui.worker import EngineWorker
from tests.ui.bench import Bench, Ear, build_runner, wait_until_empty


def test_request_that_is_not_ready_is_refused_and_leaves_nothing(
    qtbot: QtBot, store: JobStore, settings: Settings, request_for: Callable[..., Request]
) -> None:
    worker = EngineWorker(store, {}, lambda: 1)
    error = CredentialsMissing("It needs a token.", "Add one.")
    runner = JobRunner(store, settings, lambda _spec, _request: error, lambda: worker)
    ear = Ear(runner)
    request = request_for("qwen-image-edit")
    runner.submit(request)
    wait_until_empty(qtbot, runner)
    assert ear.refused == [(request, error)]
    assert store.count() == 0
    assert not worker.thread_is_running
    runner.stop()
    assert runner.wait(2)


def test_retry_makes_a_new_job_and_a_missing_one_is_refused(
    qtbot: QtBot, runner: JobRunner, ear: Ear, request_for: Callable[..., Request]
) -> None:
    runner.submit(request_for(seed=7))
    wait_until_empty(qtbot, runner)
    first = ear.ended[0]
    runner.retry(first.job_id)
    runner.retry(first.job_id, new_seed=True)
    runner.retry("20260101-000000-ffff")
    wait_until_empty(qtbot, runner)
    assert [job.request.seed for job in ear.submitted[:2]] == [7, 7]
    assert ear.submitted[2].request.seed != 7
    [(request, error)] = ear.refused
    assert request is None
    assert error.code == "job_not_found"


def test_stop_cancels_what_runs_and_what_waits(
    qtbot: QtBot,
    runner: JobRunner,
    ear: Ear,
    local: Bench,
    store: JobStore,
    request_for: Callable[..., Request],
) -> None:
    local.steps, local.step_s = 1000, 0.05
    for _ in range(3):
        runner.submit(request_for())
    qtbot.waitUntil(lambda: len(runner.active()) == 3 and bool(local.order))
    runner.stop()
    assert runner.wait(5)
    assert local.closed
    wait_until_empty(qtbot, runner)
    assert [store.load(job.job_id).state for job in ear.submitted] == [JobState.CANCELLED] * 3
    runner.submit(request_for())
    assert len(store.list()) == 3


def test_kept_cloud_jobs_can_be_resumed_by_another_runner(
    qtbot: QtBot,
    runner: JobRunner,
    ear: Ear,
    local: Bench,
    cloud: Bench,
    store: JobStore,
    settings: Settings,
    request_for: Callable[..., Request],
) -> None:
    cloud.steps, local.steps = 1000, 1000
    runner.submit(request_for("qwen-image-edit"))
    runner.submit(request_for())
    qtbot.waitUntil(lambda: bool(local.order and cloud.order))
    paid, free = runner.active()
    runner.stop(keep_cloud=True)
    assert runner.wait(5)
    wait_until_empty(qtbot, runner)
    assert store.load(free).state is JobState.CANCELLED
    assert store.load(paid).state is JobState.INTERRUPTED
    assert {job.job_id: job.state for job in ear.ended}[paid] is JobState.INTERRUPTED
    later = build_runner(store, settings, Bench(), Bench())
    ear_later = Ear(later)
    later.resume(recover(store).resumable)
    wait_until_empty(qtbot, later)
    assert [(job.job_id, job.state) for job in ear_later.ended] == [(paid, JobState.SUCCEEDED)]
    later.stop()
    assert later.wait(5)


def test_wait_does_not_hang_on_an_engine_that_ignores_cancel(
    qtbot: QtBot, runner: JobRunner, local: Bench, request_for: Callable[..., Request]
) -> None:
    local.hold = threading.Event()
    runner.submit(request_for())
    qtbot.waitUntil(lambda: bool(local.order))
    qtbot.wait(50)
    runner.stop()
    assert not runner.wait(0.2)
    local.hold.set()
    assert runner.wait(5)


def test_local_engine_is_loaded_once_and_said_to_be(
    qtbot: QtBot, store: JobStore, settings: Settings, local: Bench, request_for: Callable[..., Request]
) -> None:
    loads: list[int] = []
    load = {Place.LOCAL: lambda: loads.append(threading.get_ident())}
    worker = EngineWorker(store, {Place.LOCAL: local}, lambda: 1, load)
    runner = JobRunner(store, settings, lambda _spec, _request: None, lambda: worker)
    ear = Ear(runner)
    for _ in range(2):
        runner.submit(request_for())
    wait_until_empty(qtbot, runner)
    assert len(loads) == 1
    assert loads[0] not in {threading.get_ident(), *local.threads}
    first, second = ear.submitted
    loading = Phase(first.job_id, PhaseName.LOADING, detail="engine")
    assert ear.events.index(loading) < ear.events.index(Step(first.job_id, 1, 3))
    assert Phase(second.job_id, PhaseName.LOADING, detail="engine") not in ear.events
    runner.stop()
    assert runner.wait(5)


def test_job_can_be_cancelled_while_the_local_engine_is_being_loaded(
    qtbot: QtBot, store: JobStore, settings: Settings, local: Bench, request_for: Callable[..., Request]
) -> None:
    gate = threading.Event()
    worker = EngineWorker(store, {Place.LOCAL: local}, lambda: 1, {Place.LOCAL: lambda: gate.wait(10)})
    runner = JobRunner(store, settings, lambda _spec, _request: None, lambda: worker)
    ear = Ear(runner)
    runner.submit(request_for())
    qtbot.waitUntil(lambda: any(isinstance(event, Phase) for event in ear.events))
    runner.cancel(runner.active()[0])
    wait_until_empty(qtbot, runner, 1000)
    assert ear.ended[0].state is JobState.CANCELLED
    assert local.order == []
    gate.set()
    runner.stop()
    assert runner.wait(5)
