from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable

from pytestqt.qtbot import QtBot

from qie_desktop.core.events import (
    Cancelled,
    Failed,
    Queued,
    Step,
    Succeeded,
    Terminal,
)
from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from qie_desktop.services.recovery import recover
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.job_runner import JobRunner
from tests.ui.bench import Bench, Ear, wait_until_empty

TERMINAL_STATE = {
    Succeeded: JobState.SUCCEEDED,
    Failed: JobState.FAILED,
    Cancelled: JobState.CANCELLED,
}


def test_job_runs_off_the_gui_thread_and_is_told_on_it(
    qtbot: QtBot,
    runner: JobRunner,
    ear: Ear,
    local: Bench,
    store: JobStore,
    request_for: Callable[..., Request],
) -> None:
    runner.submit(request_for())
    assert ear.submitted == []
    wait_until_empty(qtbot, runner)
    [job] = ear.submitted
    assert isinstance(ear.events[0], Queued)
    assert [event for event in ear.events if isinstance(event, Step)]
    assert isinstance(ear.events[-1], Succeeded)
    assert ear.ended == [store.load(job.job_id)]
    assert ear.ended[0].state is JobState.SUCCEEDED
    assert ear.strange_threads == 0
    assert threading.get_ident() not in local.threads


def test_two_queued_local_jobs_run_one_after_another(
    qtbot: QtBot, runner: JobRunner, ear: Ear, local: Bench, request_for: Callable[..., Request]
) -> None:
    local.hold = threading.Event()
    runner.submit(request_for(prompt="first"))
    runner.submit(request_for(prompt="second"))
    qtbot.waitUntil(lambda: len(runner.active()) == 2)
    assert [job.request.prompt for job in ear.submitted] == ["first", "second"]
    assert list(runner.active()) == [job.job_id for job in ear.submitted]
    local.hold.set()
    wait_until_empty(qtbot, runner)
    assert local.most_at_once == 1
    assert local.order == [job.job_id for job in ear.submitted]
    assert runner.active() == ()


def test_cloud_jobs_run_side_by_side_up_to_the_setting(
    qtbot: QtBot,
    runner: JobRunner,
    local: Bench,
    cloud: Bench,
    settings: Settings,
    request_for: Callable[..., Request],
) -> None:
    settings.set("cloud.max_jobs", 2)
    cloud.step_s = 0.05
    for _ in range(5):
        runner.submit(request_for("qwen-image-edit"))
    runner.submit(request_for())
    wait_until_empty(qtbot, runner)
    assert cloud.most_at_once == 2
    assert len(cloud.order) == 5
    assert local.most_at_once == 1


def test_cancel_mid_run_ends_as_cancelled_on_disk_and_by_signal(
    qtbot: QtBot,
    runner: JobRunner,
    ear: Ear,
    local: Bench,
    store: JobStore,
    request_for: Callable[..., Request],
) -> None:
    local.steps, local.step_s = 1000, 0.05
    runner.submit(request_for())
    qtbot.waitUntil(lambda: any(isinstance(event, Step) for event in ear.events))
    runner.cancel(runner.active()[0])
    wait_until_empty(qtbot, runner)
    [job] = ear.ended
    assert job.state is JobState.CANCELLED
    assert store.load(job.job_id).state is JobState.CANCELLED
    assert ear.terminal(job.job_id) == [Cancelled(job.job_id)]


def test_cancelled_queued_job_ends_at_once_and_never_reaches_the_engine(
    qtbot: QtBot,
    runner: JobRunner,
    ear: Ear,
    local: Bench,
    store: JobStore,
    request_for: Callable[..., Request],
) -> None:
    local.hold = threading.Event()
    runner.submit(request_for(prompt="runs"))
    runner.submit(request_for(prompt="waits"))
    qtbot.waitUntil(lambda: len(runner.active()) == 2 and bool(local.order))
    running, waiting = runner.active()
    runner.cancel(waiting)
    qtbot.waitUntil(lambda: len(ear.ended) == 1)
    assert runner.active() == (running,)
    assert store.load(waiting).state is JobState.CANCELLED
    assert ear.terminal(waiting) == [Cancelled(waiting)]
    local.hold.set()
    wait_until_empty(qtbot, runner)
    assert local.order == [running]
    assert store.load(running).state is JobState.SUCCEEDED


def test_thirty_jobs_half_of_them_cancelled_at_random_each_end_exactly_once(
    qtbot: QtBot,
    runner: JobRunner,
    ear: Ear,
    store: JobStore,
    request_for: Callable[..., Request],
) -> None:
    chance = random.Random(7)
    for index in range(30):
        runner.submit(request_for("starter" if index % 3 else "qwen-image-edit"))
    to_cancel = 15
    while to_cancel or len(ear.submitted) < 30:
        qtbot.wait(chance.randrange(1, 25))
        if to_cancel and runner.active():
            runner.cancel(chance.choice(runner.active()))
            to_cancel -= 1
        elif not runner.is_busy:
            break
    wait_until_empty(qtbot, runner)
    assert len(ear.submitted) == 30
    told = Counter(event.job_id for event in ear.events if isinstance(event, Terminal))
    assert told == Counter({job.job_id: 1 for job in ear.submitted})
    assert Counter(job.job_id for job in ear.ended) == told
    for job in ear.ended:
        [terminal] = ear.terminal(job.job_id)
        on_disk = store.load(job.job_id)
        assert on_disk == job
        assert on_disk.state is TERMINAL_STATE[type(terminal)]
    assert {job.state for job in ear.ended} == {JobState.SUCCEEDED, JobState.CANCELLED}
    assert recover(store).interrupted == ()
