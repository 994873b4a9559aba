"""How far the work is, told by the events of real jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.events import JobEvent, OutputSaved, Phase, PhaseName, Step, Succeeded
from qie_desktop.core.job import Job
from qie_desktop.services.run_job import run_job
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.viewer.panel import LEAST_WIDTH, ViewerPanel
from qie_desktop.ui.viewer.progress_words import duration
from tests.services.engines import Inverting
from tests.ui.conftest import RecordingJobs

T = TypeVar("T", bound=QWidget)


def find(panel: ViewerPanel, kind: type[T], name: str) -> T:
    found = panel.findChild(kind, name)
    assert isinstance(found, kind)
    return found


class Strip:
    """The parts of the strip, by the names that they bear."""

    def __init__(self, panel: ViewerPanel) -> None:
        self.strip = find(panel, QWidget, "progress_strip")
        self.bar = find(panel, QProgressBar, "progress_bar")
        self.label = find(panel, QLabel, "progress_label")
        self.queue = find(panel, QLabel, "queue_label")
        self.cancel = find(panel, QPushButton, "cancel_button")


@pytest.fixture
def strip(panel: ViewerPanel) -> Strip:
    return Strip(panel)


def test_it_is_hidden_while_nothing_runs_and_the_picture_does_not_move_when_something_does(
    panel: ViewerPanel, strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    canvas = find(panel, QWidget, "viewer")
    job = make()
    panel.show_job(job)
    height = canvas.height()
    assert not strip.strip.isVisible()
    jobs.begin(job)
    assert strip.strip.isVisible()
    assert canvas.height() == height
    jobs.end(job, Succeeded(job.job_id))
    assert not strip.strip.isVisible()
    assert canvas.height() == height


def test_it_says_the_phase_the_step_and_the_seconds_left(
    strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    job = make()
    jobs.begin(job)
    assert strip.label.text() == "Waiting for its turn"
    jobs.tell(Phase(job.job_id, PhaseName.LOADING))
    assert strip.label.text() == "Loading the model"
    assert strip.bar.maximum() == 0
    jobs.tell(Phase(job.job_id, PhaseName.DOWNLOADING, 0.25, "1.2 of 4.8 GB"))
    assert strip.label.text() == "Downloading · 1.2 of 4.8 GB"
    assert strip.bar.value() / strip.bar.maximum() == pytest.approx(0.25)
    jobs.tell(Step(job.job_id, 5, 8, 12.3))
    assert strip.label.text() == "Denoising 5 of 8 · 12 s left"
    assert strip.bar.value() / strip.bar.maximum() == pytest.approx(5 / 8)
    assert strip.bar.accessibleDescription() == strip.label.text()
    jobs.tell(OutputSaved(job.job_id, 0, job.request.inputs[0]))
    assert strip.label.text() == "Denoising 5 of 8 · 12 s left"


@pytest.mark.parametrize("width", [LEAST_WIDTH, 438, 640, 1200])
@pytest.mark.parametrize("waiting", [0, 1, 12])
@pytest.mark.parametrize("seconds_left", [None, 12.3, 3599.0, 3900.0])
def test_step_and_time_left_are_never_cut_off(
    panel: ViewerPanel,
    strip: Strip,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    qtbot: QtBot,
    width: int,
    waiting: int,
    seconds_left: float | None,
) -> None:
    for _ in range(1 + waiting):
        jobs.begin(make())
    panel.resize(width, 520)
    qtbot.waitUntil(lambda: strip.strip.width() == width)
    for job_id in jobs.ids[:1]:
        jobs.tell(Step(job_id, 28, 40, seconds_left))
    qtbot.waitUntil(lambda: strip.cancel.geometry().right() <= width)
    strip.strip.layout().activate()
    words = strip.label.text()
    assert "28" in words
    assert "40" in words
    assert seconds_left is None or duration(seconds_left) in words
    for label in (strip.label, strip.queue):
        assert not label.isVisible() or label.width() >= label.fontMetrics().horizontalAdvance(label.text())
    assert strip.bar.width() >= 56
    assert strip.label.toolTip().startswith("Denoising 28 of 40")


def test_words_follow_the_room_that_there_is(
    panel: ViewerPanel, strip: Strip, jobs: RecordingJobs, make: Callable[..., Job], qtbot: QtBot
) -> None:
    jobs.begin(make())
    jobs.tell(Phase(jobs.ids[0], PhaseName.LOADING, detail="engine"))
    assert strip.label.text() == "Starting the local engine"
    panel.resize(LEAST_WIDTH, 520)
    qtbot.waitUntil(lambda: strip.label.text() == "Starting")
    panel.resize(900, 520)
    qtbot.waitUntil(lambda: strip.label.text() == "Starting the local engine")


@pytest.mark.parametrize(
    ("name", "detail", "words"),
    [
        (PhaseName.LOADING, "engine", "Starting the local engine"),
        (PhaseName.LOADING, "transformer", "Loading the model"),
        (PhaseName.LOADING, "text encoder", "Loading the text encoder"),
        (PhaseName.ENCODING, "prompt", "Reading the prompt"),
        (PhaseName.ENCODING, "pictures", "Reading the pictures"),
        (PhaseName.UPLOADING, "2 of 3", "Uploading 2 of 3"),
    ],
)
def test_what_a_stage_is_about_is_said_as_a_person_would(
    strip: Strip, jobs: RecordingJobs, make: Callable[..., Job], name: PhaseName, detail: str, words: str
) -> None:
    jobs.begin(make())
    jobs.tell(Phase(jobs.ids[0], name, detail=detail))
    assert strip.label.text() == words


def test_every_phase_has_words_of_its_own(
    strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    job = make()
    jobs.begin(job)
    seen: set[str] = set()
    for name in PhaseName:
        jobs.tell(Phase(job.job_id, name))
        seen.add(strip.label.text())
    assert len(seen) == len(PhaseName)


def test_it_follows_a_real_job_to_its_end(
    panel: ViewerPanel, strip: Strip, jobs: RecordingJobs, make: Callable[..., Job], store: JobStore
) -> None:
    job = make()
    jobs.begin(job)
    panel.show_job(job)
    events: list[JobEvent] = []
    ended = asyncio.run(run_job(job, store, Inverting(), events.append, CancelToken()))
    words: list[str] = []
    for event in events[:-1]:
        jobs.tell(event)
        words.append(strip.label.text())
    jobs.end(ended, events[-1])
    assert words[0] == "Loading the model"
    assert any(word.startswith("Denoising 200 of 200") for word in words)
    assert not strip.strip.isVisible()
    assert panel.current_output_path() == store.output_path(ended, ended.outputs[0])


def test_cancelling_is_said_at_once_and_asked_for_once(
    panel: ViewerPanel, strip: Strip, jobs: RecordingJobs, make: Callable[..., Job], qtbot: QtBot
) -> None:
    asked: list[str] = []
    panel.cancel_requested.connect(asked.append)
    job = make()
    jobs.begin(job)
    jobs.tell(Step(job.job_id, 1, 8))
    qtbot.mouseClick(strip.cancel, Qt.MouseButton.LeftButton)
    assert strip.label.text() == "Cancelling…"
    assert not strip.cancel.isEnabled()
    # What was on its way still comes.
    jobs.tell(Step(job.job_id, 2, 8))
    assert strip.label.text() == "Cancelling…"
    qtbot.mouseClick(strip.cancel, Qt.MouseButton.LeftButton)
    assert asked == [job.job_id]
    jobs.end(job)
    assert not strip.strip.isVisible()


def test_cancelling_from_elsewhere_is_said_at_once_too(
    panel: ViewerPanel, strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    job = make()
    panel.note_cancelling(job.job_id)
    jobs.begin(job)
    assert strip.label.text() == "Waiting for its turn"
    panel.note_cancelling(job.job_id)
    assert strip.label.text() == "Cancelling…"


def test_the_shown_job_comes_first_and_then_the_one_told_of_last(
    panel: ViewerPanel, strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    first, second, third = make(), make(), make()
    for job in (first, second, third):
        jobs.begin(job)
    jobs.tell(Step(first.job_id, 1, 4))
    jobs.tell(Step(second.job_id, 2, 4))
    assert strip.label.text() == "Denoising 2 of 4"
    jobs.tell(Step(first.job_id, 3, 4))
    assert strip.label.text() == "Denoising 3 of 4"
    panel.show_job(second)
    assert strip.label.text() == "Denoising 2 of 4"
    panel.show_job(third)
    assert strip.label.text() == "Waiting for its turn"
    jobs.end(third)
    assert strip.label.text() == "Denoising 3 of 4"


def test_it_says_how_many_more_wait(strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]) -> None:
    first, second, third = make(), make(), make()
    jobs.begin(first)
    jobs.tell(Step(first.job_id, 1, 4))
    assert not strip.queue.isVisible()
    jobs.begin(second)
    jobs.begin(third)
    assert strip.queue.text() == "2 more waiting"
    jobs.end(first, Succeeded(first.job_id))
    jobs.tell(Phase(second.job_id, PhaseName.LOADING))
    assert strip.queue.text() == "1 more waiting"
    jobs.end(second)
    jobs.end(third)
    assert not strip.strip.isVisible()


def test_a_job_that_has_told_of_its_end_is_not_shown_although_it_is_listed_still(
    strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    job = make()
    jobs.begin(job)
    jobs.tell(Step(job.job_id, 4, 4))
    jobs.tell(Succeeded(job.job_id))
    assert job.job_id in jobs.active()
    assert not strip.strip.isVisible()


def test_a_resumed_job_is_shown_again(strip: Strip, jobs: RecordingJobs, make: Callable[..., Job]) -> None:
    job = make()
    jobs.begin(job)
    jobs.tell(Succeeded(job.job_id))
    jobs.tell(Phase(job.job_id, PhaseName.RUNNING))
    assert strip.label.text() == "Making the picture"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (12.4, "12 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (3900, "1 h 5 min")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
