"""The panel: jobs, inputs, several outputs, forming pictures, and files dropped on nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import OutputSaved, Succeeded
from qie_desktop.core.geometry import Size
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.empty_state import EmptyState
from qie_desktop.ui.viewer.output_strip import OutputStrip
from qie_desktop.ui.viewer.panel import ViewerPanel
from tests.ui.conftest import RecordingJobs
from tests.ui.viewer.conftest import (
    noise_image,
    pixels_in,
    shown_pixels,
)


@pytest.fixture
def empty(panel: ViewerPanel) -> EmptyState:
    found = panel.findChild(EmptyState, "empty_state")
    assert isinstance(found, EmptyState)
    return found


@pytest.fixture
def strip(panel: ViewerPanel) -> OutputStrip:
    found = panel.findChild(OutputStrip, "output_strip")
    assert isinstance(found, OutputStrip)
    return found


def caption(panel: ViewerPanel) -> str:
    label = panel.findChild(QLabel, "viewer_caption")
    assert isinstance(label, QLabel)
    return label.text()


def test_at_first_it_says_what_to_do(panel: ViewerPanel, empty: EmptyState, canvas: Canvas) -> None:
    assert empty.isVisible()
    assert not canvas.isVisible()
    assert panel.current_output_path() is None
    assert panel.shown_job() is None
    assert not panel.can_compare()


def test_an_input_is_shown_by_itself(panel: ViewerPanel, canvas: Canvas, noise: Path) -> None:
    panel.show_input(noise)
    assert np.array_equal(shown_pixels(panel, canvas), pixels_in(noise))
    assert caption(panel) == "120×90 px · noise.png"
    assert canvas.accessibleDescription() == caption(panel)
    assert panel.current_output_path() is None


def test_a_long_name_is_shortened_in_its_middle(panel: ViewerPanel, noise: Path) -> None:
    path = noise.rename(noise.with_name(f"a {'very ' * 40}long name.png"))
    panel.show_input(path)
    label = panel.findChild(QLabel, "viewer_caption")
    assert isinstance(label, QLabel)
    assert "…" in label.text()
    assert label.text().endswith("name.png")
    assert label.fontMetrics().horizontalAdvance(label.text()) <= panel.width()
    assert path.name in label.toolTip()


def test_a_file_that_has_changed_is_read_again(panel: ViewerPanel, canvas: Canvas, noise: Path) -> None:
    panel.show_input(noise)
    noise_image((80, 70), 7).save(noise)
    panel.show_input(noise)
    assert canvas.picture is not None
    assert canvas.picture.size == Size(80, 70)


def test_cleared_it_says_again_what_to_do(
    panel: ViewerPanel, empty: EmptyState, canvas: Canvas, noise: Path
) -> None:
    panel.show_input(noise)
    panel.clear()
    assert empty.isVisible()
    assert canvas.picture is None
    assert caption(panel) == ""


def test_a_result_is_shown_with_all_its_pixels(
    panel: ViewerPanel, canvas: Canvas, finished: Callable[..., Job], store: JobStore
) -> None:
    job = finished()
    panel.show_job(job)
    path = panel.current_output_path()
    assert path == store.output_path(job, job.outputs[0])
    assert np.array_equal(shown_pixels(panel, canvas), pixels_in(path))
    assert caption(panel) == "120×90 px · Starter"


def test_outputs_are_stepped_through_round_and_round(
    panel: ViewerPanel, canvas: Canvas, strip: OutputStrip, finished: Callable[..., Job], store: JobStore
) -> None:
    job = finished(3)
    told: list[int] = []
    panel.shown_changed.connect(lambda: told.append(panel.output_index()))
    panel.show_job(job, 1)
    assert strip.isVisible()
    assert strip.currentRow() == 1
    assert caption(panel).endswith("2 of 3")
    panel.next_output()
    panel.next_output()
    assert panel.current_output_path() == store.output_path(job, job.outputs[0])
    panel.previous_output()
    assert strip.currentRow() == 2
    assert np.array_equal(shown_pixels(panel, canvas), pixels_in(store.output_path(job, job.outputs[2])))
    assert told == [1, 2, 0, 2]


def test_arrow_keys_step_through_the_outputs_from_the_strip_and_from_the_picture(
    panel: ViewerPanel, canvas: Canvas, strip: OutputStrip, finished: Callable[..., Job], qtbot: QtBot
) -> None:
    panel.show_job(finished(3))
    qtbot.keyClick(strip, Qt.Key.Key_Right)
    assert panel.output_index() == 1
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert (panel.output_index(), strip.currentRow()) == (2, 2)
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    assert panel.output_index() == 1
    for _ in range(8):
        panel.zoom_in()
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    assert panel.output_index() == 1


def test_a_click_on_a_thumbnail_shows_that_output(
    panel: ViewerPanel, strip: OutputStrip, finished: Callable[..., Job], qtbot: QtBot
) -> None:
    panel.show_job(finished(3))
    where = strip.visualItemRect(strip.item(2)).center()
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert panel.output_index() == 2
    assert not strip.item(2).data(Qt.ItemDataRole.UserRole).isNull()
    assert strip.item(2).data(Qt.ItemDataRole.AccessibleTextRole) == "Picture 3 of 3"


def test_the_view_is_kept_from_output_to_output(
    panel: ViewerPanel, canvas: Canvas, finished: Callable[..., Job]
) -> None:
    panel.show_job(finished(2))
    assert canvas.view is not None
    canvas.set_view(canvas.view.zoomed(12.0).panned(-31, 17))
    view = canvas.view
    panel.next_output()
    assert canvas.view == view


def test_there_is_no_strip_for_one_output(
    panel: ViewerPanel, strip: OutputStrip, finished: Callable[..., Job]
) -> None:
    panel.show_job(finished(2))
    panel.show_job(finished(1))
    assert not strip.isVisible()
    panel.next_output()
    assert panel.output_index() == 0


def test_an_index_beyond_the_outputs_is_the_last_one(
    panel: ViewerPanel, finished: Callable[..., Job]
) -> None:
    panel.show_job(finished(2), 9)
    assert panel.output_index() == 1


def test_each_output_appears_as_soon_as_it_is_saved(
    panel: ViewerPanel, strip: OutputStrip, jobs: RecordingJobs, make: Callable[..., Job], store: JobStore
) -> None:
    job = make("seedream-4", sequential_image_generation="auto", count=3)
    jobs.begin(job)
    panel.show_job(job)
    store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
    for index in range(2):
        output = store.write_output(job, NewOutput(index, noise_image((120, 90), index)))
        jobs.tell(OutputSaved(job.job_id, index, store.output_path(job, output)))
        assert strip.count() == index + 1
    assert panel.output_index() == 0
    panel.next_output()
    jobs.end(store.update(job.job_id, lambda now: now.moved_to(JobState.SUCCEEDED)), Succeeded(job.job_id))
    assert panel.output_index() == 1


def test_what_is_not_shown_changes_nothing(
    panel: ViewerPanel, jobs: RecordingJobs, make: Callable[..., Job], finished: Callable[..., Job]
) -> None:
    shown, other = finished(), make()
    panel.show_job(shown)
    changes: list[int] = []
    panel.shown_changed.connect(lambda: changes.append(1))
    jobs.begin(other)
    jobs.tell(OutputSaved(other.job_id, 0, Path("nowhere.png")))
    jobs.end(other)
    assert panel.shown_job() == shown
    assert not changes


def test_a_job_whose_file_is_gone_says_so(
    panel: ViewerPanel, canvas: Canvas, finished: Callable[..., Job], store: JobStore
) -> None:
    job = finished()
    path = store.output_path(job, job.outputs[0])
    path.unlink()
    store.thumbnail_path(job, job.outputs[0]).unlink(missing_ok=True)
    (path.parent / "thumb_0.webp").unlink(missing_ok=True)
    panel.show_job(job)
    bar = panel.findChild(QLabel, "message_title")
    assert isinstance(bar, QLabel)
    assert path.name in bar.text()
    assert canvas.picture is None
