from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState
from qie_desktop.core.model import Place
from qie_desktop.core.request import build_request
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui import closing as closing_module
from qie_desktop.ui.closing import Closing
from qie_desktop.ui.job_runner import JobRunner
from qie_desktop.ui.worker import EngineWorker
from tests.ui.bench import Bench


class Scene:
    """A window with jobs, about to be closed."""

    def __init__(self, qtbot: QtBot, store: JobStore, settings: Settings, photo: Path) -> None:
        self.qtbot, self.store, self.photo = qtbot, store, photo
        self.local, self.cloud = Bench(1000, 0.02), Bench(1000, 0.02, remembers=True)
        worker = EngineWorker(store, {Place.LOCAL: self.local, Place.CLOUD: self.cloud}, lambda: 4)
        self.runner = JobRunner(store, settings, lambda _spec, _request: None, lambda: worker)
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.window.show()
        self.closing = Closing(self.window, self.runner)

    def run(self, *model_ids: str) -> list[str]:
        before = len(self.runner.active())
        for model_id in model_ids:
            self.runner.submit(build_request(model_id, "invert it", [self.photo]))
        self.qtbot.waitUntil(lambda: len(self.runner.active()) == before + len(model_ids))
        self.qtbot.waitUntil(lambda: bool(self.local.order or self.cloud.order))
        return list(self.runner.active())

    def question(self) -> QMessageBox | None:
        return self.window.findChild(QMessageBox, "closing_question")

    def answer(self, name: str) -> None:
        self.window.findChild(QAbstractButton, name).click()


@pytest.fixture
def scene(qtbot: QtBot, store: JobStore, settings: Settings, photo: Path) -> Iterator[Scene]:
    scene = Scene(qtbot, store, settings, photo)
    yield scene
    for bench in (scene.local, scene.cloud):
        if bench.hold:
            bench.hold.set()
    scene.runner.stop()
    assert scene.runner.wait(5)


def state(store: JobStore, job_id: str) -> JobState:
    job: Job = store.load(job_id)
    return job.state


def test_idle_window_closes_without_a_question(qtbot: QtBot, scene: Scene) -> None:
    with qtbot.waitSignal(scene.closing.finished):
        scene.closing.begin()
    assert scene.question() is None
    assert scene.closing.is_finished


def test_question_stands_once_and_can_be_dismissed(scene: Scene) -> None:
    scene.run("starter")
    scene.closing.begin()
    first = scene.question()
    assert first is not None
    scene.closing.begin()
    assert scene.window.findChildren(QMessageBox, "closing_question") == [first]
    assert scene.window.findChild(QAbstractButton, "closing_keep_cloud") is None
    first.reject()
    assert not scene.closing.is_finished
    assert len(scene.runner.active()) == 1
    assert scene.window.isVisible()


def test_cancel_ends_the_jobs_and_then_the_window(qtbot: QtBot, scene: Scene, store: JobStore) -> None:
    job_ids = scene.run("starter", "qwen-image-edit", "starter")
    scene.closing.begin()
    with qtbot.waitSignal(scene.closing.finished, timeout=5000):
        scene.answer("closing_cancel")
    assert not scene.window.isVisible()
    assert {state(store, job_id) for job_id in job_ids} == {JobState.CANCELLED}


def test_cloud_jobs_can_be_kept(qtbot: QtBot, scene: Scene, store: JobStore) -> None:
    paid, free = scene.run("qwen-image-edit", "starter")
    qtbot.waitUntil(lambda: bool(store.load(paid).remote))
    kept: list[list[str]] = []
    scene.closing.kept.connect(kept.append)
    scene.closing.begin()
    with qtbot.waitSignal(scene.closing.finished, timeout=5000):
        scene.answer("closing_keep_cloud")
    assert kept == [[paid]]
    assert state(store, paid) is JobState.INTERRUPTED
    assert state(store, free) is JobState.CANCELLED


def test_waiting_closes_the_window_when_the_last_job_is_done(
    qtbot: QtBot, scene: Scene, store: JobStore
) -> None:
    scene.local.steps = 20
    job_ids = scene.run("starter", "starter")
    scene.closing.begin()
    with qtbot.waitSignal(scene.closing.finished, timeout=10_000):
        scene.answer("closing_wait")
        assert scene.window.isVisible()
    assert {state(store, job_id) for job_id in job_ids} == {JobState.SUCCEEDED}


def test_question_goes_when_the_job_has_ended_meanwhile(qtbot: QtBot, scene: Scene) -> None:
    scene.local.steps = 20
    scene.run("starter")
    with qtbot.waitSignal(scene.closing.finished, timeout=10_000):
        scene.closing.begin()
        assert scene.question() is not None


def test_engine_that_does_not_let_go_has_its_time_and_no_more(qtbot: QtBot, scene: Scene) -> None:
    assert closing_module.GRACE_MS < 5000
    scene.local.steps, scene.local.hold = 1, threading.Event()
    scene.run("starter")
    qtbot.wait(100)
    scene.closing.begin()
    scene.closing.grace.setInterval(300)
    began = time.monotonic()
    with qtbot.waitSignal(scene.closing.finished, timeout=3000):
        scene.answer("closing_cancel")
    assert 0.25 < time.monotonic() - began < 2
    assert not scene.runner.wait(0)


def test_nothing_new_is_taken_while_closing(qtbot: QtBot, scene: Scene, store: JobStore) -> None:
    with qtbot.waitSignal(scene.closing.finished):
        scene.closing.begin()
    with qtbot.waitSignal(scene.runner.refused) as refused:
        scene.runner.submit(build_request("starter", "invert it", [scene.photo]))
    assert refused.args[1].code == "job_state"
    assert store.count() == 0
