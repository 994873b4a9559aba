"""Several cloud jobs at a time, and cancelling one: at the server, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6 import QtCore
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from qie_desktop.core.events import Phase, PhaseName
from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from tests.support.replicate.lives import ENDLESS, Life, Status
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Front

Wish = Callable[..., Request]


def test_two_jobs_run_side_by_side_and_end_each_for_itself(
    front: Front, server: ReplicateServer, wish: Wish
) -> None:
    server.next(Life(processing=ENDLESS), Life(processing=ENDLESS))
    slow, quick = front.submit(wish(prompt="slow"), wish("qwen-image-edit", prompt="quick"))
    server.wait_for_created(2)
    by_prompt = {prediction.input["prompt"]: prediction for prediction in server.created}
    front.wait(lambda: all(_is_running(front, job_id) for job_id in (slow, quick)))
    assert front.window.gallery.model.rowCount() == 2
    server.release(by_prompt["quick"])
    [first] = front.wait_ended()
    assert first.job_id == quick
    assert front.runner.active() == (slow,)
    server.release(by_prompt["slow"])
    assert [job.state for job in front.wait_ended(2)] == [JobState.SUCCEEDED] * 2


def test_what_is_beyond_the_setting_waits_for_its_turn(
    front: Front, server: ReplicateServer, wish: Wish
) -> None:
    front.window.session.settings.set("cloud.max_jobs", 2)
    server.next(*[Life(processing=ENDLESS)] * 3)
    front.submit(*(wish(prompt=f"fox {number}") for number in range(3)))
    server.wait_for_created(2)
    front.wait(lambda: sum(_is_running(front, job_id) for job_id in front.runner.active()) == 2)
    front.qtbot.wait(100)
    assert len(server.created) == 2
    server.release(server.created[0])
    server.wait_for_created(3)
    for prediction in server.created:
        server.release(prediction)
    assert {job.state for job in front.wait_ended(3)} == {JobState.SUCCEEDED}


def test_cancel_in_the_bar_cancels_at_the_server(front: Front, server: ReplicateServer, wish: Wish) -> None:
    server.next(Life(processing=ENDLESS))
    [job_id] = front.submit(wish())
    front.wait(lambda: _is_running(front, job_id))
    front.click(front.find(QPushButton, "cancel_button"))
    assert front.find(QPushButton, "cancel_button").isEnabled() is False
    [job] = front.wait_ended()
    assert job.state is JobState.CANCELLED
    [prediction] = server.created
    assert prediction.status is Status.CANCELED
    assert len(server.requests_to(Kind.CANCEL)) == 1
    assert front.bar_text() == ""


def test_cancel_of_one_leaves_the_other_alone(front: Front, server: ReplicateServer, wish: Wish) -> None:
    server.next(Life(processing=ENDLESS), Life(processing=ENDLESS))
    first, second = front.submit(wish(prompt="one"), wish(prompt="two"))
    front.wait(lambda: all(_is_running(front, job_id) for job_id in (first, second)))
    front.window.gallery.select(second, -1)
    front.window.gallery.cancel_requested.emit(second)
    [job] = front.wait_ended()
    assert (job.job_id, job.state) == (second, JobState.CANCELLED)
    left = next(prediction for prediction in server.created if prediction.input["prompt"] == "one")
    assert left.status is Status.PROCESSING
    server.release(left)
    assert front.wait_ended(2)[1].state is JobState.SUCCEEDED


def test_key_cancels_before_anything_was_sent(front: Front, server: ReplicateServer, wish: Wish) -> None:
    front.window.session.settings.set("cloud.max_jobs", 1)
    server.next(Life(processing=ENDLESS))
    running, waiting = front.submit(wish(prompt="one"), wish(prompt="two"))
    front.wait(lambda: _is_running(front, running))
    front.runner.cancel(waiting)
    [job] = front.wait_ended()
    assert (job.job_id, job.state) == (waiting, JobState.CANCELLED)
    assert len(server.created) == 1
    front.qtbot.keyClick(front.window, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    assert front.wait_ended(2)[1].state is JobState.CANCELLED


def test_the_network_is_waited_for_without_qt(
    front: Front, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Notifier(QtCore.QSocketNotifier):
        def __init__(self, *_: object) -> None:
            pytest.fail("connecting it off the GUI thread can lock both threads for ever")

    monkeypatch.setattr(QtCore, "QSocketNotifier", Notifier)
    front.submit(wish())
    [job] = front.wait_ended()
    assert job.state is JobState.SUCCEEDED, job.error


def _is_running(front: Front, job_id: str) -> bool:
    return any(
        isinstance(event, Phase) and event.name is PhaseName.RUNNING and event.job_id == job_id
        for event in front.ear.events
    )
