"""Closing the window while cloud jobs run: kept, they are finished at the next start; cancelled, they end."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QPushButton

from qie_desktop.core.events import Phase, PhaseName
from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from tests.support.replicate.faults import withheld
from tests.support.replicate.lives import ENDLESS, Life, Span, Status
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Front

OpenFront = Callable[..., Front]
Wish = Callable[..., Request]
LIMIT_S = 5.0


def running(front: Front, job_id: str) -> bool:
    return any(
        isinstance(event, Phase) and event.name is PhaseName.RUNNING and event.job_id == job_id
        for event in front.ear.events
    )


def quit_by(front: Front, button: str) -> float:
    """Close the window, answer, and return for how many seconds it took until everything had ended."""
    window = front.window
    window.close()
    began = time.monotonic()
    with front.qtbot.waitSignal(window.closed, timeout=6000):
        front.click(front.find(QPushButton, button))
    assert window.shut_down(5)
    return time.monotonic() - began


def states(folder: DataFolder) -> dict[str, JobState]:
    store = JobStore(folder)
    found = {job.job_id: job.state for job in store.list()}
    store.close()
    return found


def test_kept_jobs_are_finished_at_the_next_start_and_paid_for_once(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish, open_front: OpenFront
) -> None:
    server.next(Life(processing=ENDLESS), Life(processing=ENDLESS))
    job_ids = front.submit(wish(prompt="one"), wish("qwen-image-edit", "two"))
    front.wait(lambda: all(running(front, job_id) for job_id in job_ids))
    assert quit_by(front, "closing_keep_cloud") < LIMIT_S
    assert states(folder) == dict.fromkeys(job_ids, JobState.INTERRUPTED)
    assert server.requests_to(Kind.CANCEL) == []
    for prediction in server.created:
        server.release(prediction)
    later = open_front()
    later.wait_ended(2)
    assert states(folder) == dict.fromkeys(job_ids, JobState.SUCCEEDED)
    assert len(server.created) == 2
    later.wait(lambda: later.window.gallery.model.rowCount() == 2)


def test_job_that_is_just_being_sent_is_found_again(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish, open_front: OpenFront
) -> None:
    server.faults.on(Kind.CREATE, withheld(after=True))
    [job_id] = front.submit(wish())
    server.wait_for_created()
    assert quit_by(front, "closing_keep_cloud") < LIMIT_S
    assert states(folder) == {job_id: JobState.INTERRUPTED}
    later = open_front()
    later.wait_ended()
    assert states(folder) == {job_id: JobState.SUCCEEDED}
    assert len(server.created) == 1


def test_job_that_still_waits_for_its_turn_is_begun_at_the_next_start(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish, open_front: OpenFront
) -> None:
    front.window.session.settings.set("cloud.max_jobs", 1)
    front.window.session.settings.save()
    server.next(Life(processing=ENDLESS))
    first, second = front.submit(wish(prompt="one"), wish(prompt="two"))
    front.wait(lambda: running(front, first))
    assert quit_by(front, "closing_keep_cloud") < LIMIT_S
    [prediction] = server.created
    server.release(prediction)
    later = open_front()
    later.wait_ended(2)
    assert states(folder) == dict.fromkeys((first, second), JobState.SUCCEEDED)
    assert len(server.created) == 2


@pytest.mark.parametrize("count", [1, 3])
def test_cancelled_jobs_are_cancelled_at_the_server(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish, count: int
) -> None:
    server.next(*[Life(processing=ENDLESS)] * count)
    job_ids = front.submit(*(wish(prompt=f"fox {number}") for number in range(count)))
    front.wait(lambda: all(running(front, job_id) for job_id in job_ids))
    assert quit_by(front, "closing_cancel") < LIMIT_S
    assert states(folder) == dict.fromkeys(job_ids, JobState.CANCELLED)
    assert {prediction.status for prediction in server.created} == {Status.CANCELED}


def test_server_that_is_slow_to_cancel_does_not_keep_the_window(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish
) -> None:
    server.next(Life(processing=ENDLESS, cancelling=Span(seconds=30)))
    [job_id] = front.submit(wish())
    front.wait(lambda: running(front, job_id))
    assert quit_by(front, "closing_cancel") < LIMIT_S
    assert len(server.requests_to(Kind.CANCEL)) == 1


def test_create_without_an_answer_does_not_keep_the_window(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish
) -> None:
    server.faults.on(Kind.CREATE, withheld(after=True))
    [job_id] = front.submit(wish())
    server.wait_for_created()
    assert quit_by(front, "closing_cancel") < LIMIT_S
    assert states(folder)[job_id] in {JobState.CANCELLED, JobState.RUNNING, JobState.CANCELLING}


def test_window_that_is_asked_by_the_system_to_end_keeps_cloud_jobs(
    front: Front, server: ReplicateServer, folder: DataFolder, wish: Wish
) -> None:
    server.next(Life(processing=ENDLESS))
    [job_id] = front.submit(wish())
    front.wait(lambda: running(front, job_id))
    with front.qtbot.waitSignal(front.window.closed, timeout=6000):
        front.window.closing.end_now()
    assert front.window.shut_down(5)
    assert states(folder) == {job_id: JobState.INTERRUPTED}
