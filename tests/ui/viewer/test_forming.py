"""The forming picture, and how it becomes the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import Step, Succeeded
from qie_desktop.core.geometry import Size
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.panel import ViewerPanel
from tests.ui.conftest import RecordingJobs
from tests.ui.viewer.conftest import (
    canvas_of,
    finish,
    middle_of,
    noise_image,
    pixels_in,
    preview,
    shown_pixels,
)


def test_while_a_job_runs_the_picture_forms_over_its_input_and_becomes_the_result(
    panel: ViewerPanel,
    canvas: Canvas,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    store: JobStore,
    noise: Path,
    qtbot: QtBot,
) -> None:
    job = make(inputs=[noise])
    jobs.begin(job)
    panel.show_job(job)
    panel.set_compare(True)
    assert np.array_equal(shown_pixels(panel, canvas), pixels_in(noise))
    jobs.tell(Step(job.job_id, 1, 4, None, preview((200, 30, 40))))
    assert middle_of(canvas) == (200, 30, 40)
    jobs.tell(Step(job.job_id, 2, 4))
    assert middle_of(canvas) == (200, 30, 40)
    assert canvas.view is not None
    assert canvas.view.picture == Size(120, 90)
    assert not panel.compare_on()
    view = canvas.view
    done = finish(store, job, [noise_image((120, 90), 8)])
    jobs.end(done, Succeeded(job.job_id))
    assert canvas.fade.is_running
    # At first what was seen, at last what is.
    assert middle_of(canvas) == pytest.approx((200, 30, 40), abs=12)
    qtbot.waitUntil(lambda: not canvas.fade.is_running)
    panel.set_compare(False)
    assert canvas.view == view
    assert np.array_equal(shown_pixels(panel, canvas), pixels_in(store.output_path(done, done.outputs[0])))


def test_a_result_told_of_twice_still_comes_gently(
    threaded: ViewerPanel, jobs: RecordingJobs, make: Callable[..., Job], store: JobStore, qtbot: QtBot
) -> None:
    job = make()
    jobs.begin(job)
    threaded.show_job(job)
    qtbot.waitUntil(threaded.is_settled)
    jobs.tell(Step(job.job_id, 1, 4, None, preview((200, 30, 40))))
    done = finish(store, job, [noise_image((150, 100), 8)])
    jobs.end(done, Succeeded(job.job_id))
    threaded.show_job(done)
    fade = canvas_of(threaded).fade
    qtbot.waitUntil(lambda: fade.is_running)
    qtbot.waitUntil(lambda: not fade.is_running)


def test_nothing_fades_for_who_wants_less_motion(
    panel: ViewerPanel,
    canvas: Canvas,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    store: JobStore,
    noise: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qie_desktop.ui.viewer.motion.motion_is_reduced", lambda _widget: True)
    job = make(inputs=[noise])
    jobs.begin(job)
    panel.show_job(job)
    jobs.tell(Step(job.job_id, 1, 4, None, preview((200, 30, 40))))
    jobs.end(finish(store, job, [noise_image((120, 90), 8)]), Succeeded(job.job_id))
    assert not canvas.fade.is_running
    assert middle_of(canvas) != (200, 30, 40)


def test_the_style_says_whether_things_may_move(canvas: Canvas) -> None:
    from PySide6.QtWidgets import QProxyStyle, QStyle

    from qie_desktop.ui.viewer.motion import motion_is_reduced

    class Still(QProxyStyle):
        def styleHint(self, hint, option=None, widget=None, returnData=None) -> int:  # noqa: N802, N803
            if hint is QStyle.StyleHint.SH_Widget_Animation_Duration:
                return 0
            return super().styleHint(hint, option, widget, returnData)

    assert not motion_is_reduced(canvas)
    style = Still("fusion")
    canvas.setStyle(style)
    assert motion_is_reduced(canvas)


def test_a_generated_picture_forms_out_of_nothing(
    panel: ViewerPanel, canvas: Canvas, jobs: RecordingJobs, make: Callable[..., Job], store: JobStore
) -> None:
    job = make("qwen-image", [])
    jobs.begin(job)
    panel.show_job(job)
    assert canvas.isVisible()
    assert canvas.view is None
    jobs.tell(Step(job.job_id, 3, 30, None, preview((10, 200, 40), (16, 9))))
    assert middle_of(canvas) == (10, 200, 40)
    assert canvas.view is not None
    assert canvas.view.picture.width / canvas.view.picture.height == pytest.approx(16 / 9)
    jobs.end(finish(store, job, [noise_image((160, 90), 8)]), Succeeded(job.job_id))
    assert canvas.picture is not None
    assert canvas.view.picture == Size(160, 90)


def test_looking_back_at_a_running_job_its_forming_picture_is_there_again(
    panel: ViewerPanel,
    canvas: Canvas,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    finished: Callable[..., Job],
) -> None:
    job = make()
    jobs.begin(job)
    panel.show_job(job)
    jobs.tell(Step(job.job_id, 1, 4, None, preview((200, 30, 40))))
    panel.show_job(finished())
    assert middle_of(canvas) != (200, 30, 40)
    jobs.tell(Step(job.job_id, 2, 4, None, preview((1, 30, 40))))
    assert middle_of(canvas) != (1, 30, 40)
    panel.show_job(job)
    assert middle_of(canvas) == (1, 30, 40)


def test_a_cancelled_job_goes_back_to_its_input(
    panel: ViewerPanel,
    canvas: Canvas,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    store: JobStore,
    noise: Path,
) -> None:
    job = make(inputs=[noise])
    jobs.begin(job)
    panel.show_job(job)
    jobs.tell(Step(job.job_id, 1, 4, None, preview((200, 30, 40))))
    jobs.end(store.update(job.job_id, lambda current: current.moved_to(JobState.CANCELLED)))
    assert np.array_equal(shown_pixels(panel, canvas), pixels_in(noise))
