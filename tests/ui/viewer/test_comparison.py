"""Before and after: aligned, divided, flipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from qie_desktop.core.geometry import Size
from qie_desktop.core.job import Job
from qie_desktop.imaging.joining import join_side_by_side
from qie_desktop.imaging.opening import open_picture
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.comparison import Divider, aligned
from qie_desktop.ui.viewer.panel import ViewerPanel
from qie_desktop.ui.viewer.view import Placed
from tests.ui.viewer.conftest import finish, make_noise, noise_image, pixels_in, pixels_of

LABELS = 40
GRIP = 16


@pytest.fixture
def job(finished: Callable[..., Job], tmp_path: Path) -> Job:
    return finished(inputs=[make_noise(tmp_path / "in.png", (300, 240))])


@pytest.fixture
def compared(panel: ViewerPanel, job: Job) -> Divider:
    """The divider over a result at its actual size."""
    panel.show_job(job)
    panel.set_compare(True)
    panel.actual_size()
    return divider_of(panel)


def divider_of(panel: ViewerPanel) -> Divider:
    divider = panel.findChild(Divider, "compare_divider")
    assert isinstance(divider, Divider)
    return divider


def picture_part(canvas: Canvas) -> np.ndarray:
    assert canvas.view is not None
    rect = canvas.view.rect
    return pixels_of(canvas.grab().toImage())[rect.top : rect.bottom, rect.left : rect.right]


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.81])
def test_left_of_the_divider_is_the_input_and_right_of_it_the_output(
    canvas: Canvas, compared: Divider, job: Job, store: JobStore, fraction: float
) -> None:
    compared.setValue(round(compared.maximum() * fraction))
    split = round(300 * fraction)
    seen = picture_part(canvas)[LABELS:]
    before = pixels_in(job.request.inputs[0])[LABELS:]
    after = pixels_in(store.output_path(job, job.outputs[0]))[LABELS:]
    assert np.array_equal(seen[:, : split - GRIP], before[:, : split - GRIP])
    assert np.array_equal(seen[:, split + GRIP :], after[:, split + GRIP :])


def test_both_sides_stay_aligned_when_zoomed(
    canvas: Canvas, compared: Divider, job: Job, store: JobStore
) -> None:
    compared.setValue(compared.maximum() // 2)
    assert canvas.view is not None
    canvas.set_view(canvas.view.zoomed(4.0))
    rect, visible = canvas.view.rect, canvas.view.visible
    seen = pixels_of(canvas.grab().toImage())
    before, after = pixels_in(job.request.inputs[0]), pixels_in(store.output_path(job, job.outputs[0]))
    split = canvas.comparison.split(visible)
    for y in range(LABELS, visible.bottom, 37):
        for x in range(visible.left, visible.right, 23):
            if abs(x - split) > GRIP:
                source = before if x < split else after
                assert tuple(seen[y, x]) == tuple(source[(y - rect.top) // 4, (x - rect.left) // 4])


def test_without_comparison_there_is_only_the_output(
    panel: ViewerPanel, canvas: Canvas, compared: Divider, job: Job, store: JobStore
) -> None:
    panel.set_compare(False)
    assert not compared.isVisible()
    assert np.array_equal(picture_part(canvas), pixels_in(store.output_path(job, job.outputs[0])))


@pytest.mark.parametrize("compare", [True, False])
def test_holding_space_shows_the_input_until_it_is_released(
    panel: ViewerPanel, canvas: Canvas, compared: Divider, job: Job, qtbot: QtBot, compare: bool
) -> None:
    panel.set_compare(compare)
    target = compared if compare else canvas
    target.setFocus()
    shown = picture_part(canvas)
    qtbot.keyPress(target, Qt.Key.Key_Space)
    # As a held key is told of.
    for kind in (QEvent.Type.KeyRelease, QEvent.Type.KeyPress):
        QApplication.sendEvent(
            canvas,
            QKeyEvent(kind, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ", True),
        )
    assert np.array_equal(picture_part(canvas)[LABELS:], pixels_in(job.request.inputs[0])[LABELS:])
    qtbot.keyRelease(target, Qt.Key.Key_Space)
    assert np.array_equal(picture_part(canvas), shown)


def test_space_is_released_when_the_keyboard_goes_elsewhere(
    panel: ViewerPanel, canvas: Canvas, compared: Divider, qtbot: QtBot
) -> None:
    del panel
    canvas.setFocus()
    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    assert canvas.comparison.is_flipped
    compared.setFocus()
    assert not canvas.comparison.is_flipped
    qtbot.keyPress(compared, Qt.Key.Key_Space)
    assert canvas.comparison.is_flipped
    canvas.setFocus()
    assert not canvas.comparison.is_flipped


def test_the_divider_is_dragged_with_the_mouse(canvas: Canvas, compared: Divider) -> None:
    assert canvas.view is not None
    visible = canvas.view.visible
    start = compared.rect().center()
    QTest.mousePress(compared, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(compared, start + QPoint(60, 10))
    QTest.mouseRelease(compared, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    assert canvas.comparison.split(visible) == visible.left + 150 + 60
    assert abs(compared.geometry().center().x() - (visible.left + 210)) <= 1


def test_the_divider_is_moved_with_the_keyboard(compared: Divider, qtbot: QtBot) -> None:
    compared.setFocus()
    assert compared.hasFocus()
    at = compared.fraction
    qtbot.keyClick(compared, Qt.Key.Key_Left)
    assert compared.fraction == pytest.approx(at - 0.01)
    qtbot.keyClick(compared, Qt.Key.Key_PageUp)
    assert compared.fraction == pytest.approx(at + 0.09)
    qtbot.keyClick(compared, Qt.Key.Key_End)
    assert compared.fraction == 1.0
    qtbot.keyClick(compared, Qt.Key.Key_Home)
    assert compared.fraction == 0.0
    assert compared.accessibleName()


def test_the_input_of_a_side_by_side_job_is_the_joined_canvas(
    panel: ViewerPanel, canvas: Canvas, make: Callable[..., Job], store: JobStore, tmp_path: Path
) -> None:
    inputs = [make_noise(tmp_path / "a.png", (120, 90), 5), make_noise(tmp_path / "b.png", (64, 80), 6)]
    job = make("qwen-image-edit-2509-gguf", inputs)
    joined = join_side_by_side([open_picture(path) for path in inputs]).rgb
    job = finish(store, job, [noise_image(joined.size, 9)])
    panel.show_job(job)
    panel.actual_size()
    canvas.comparison.set_flipped(flipped=True)
    assert np.array_equal(picture_part(canvas)[LABELS:], np.asarray(joined).astype(np.int16)[LABELS:])


def test_the_input_of_a_job_with_references_is_the_first_image(
    panel: ViewerPanel, canvas: Canvas, make: Callable[..., Job], store: JobStore, tmp_path: Path
) -> None:
    inputs = [make_noise(tmp_path / "a.png", (120, 90), 5), make_noise(tmp_path / "b.png", (64, 80), 6)]
    job = finish(
        store, make("qwen-image-edit-2509-gguf", inputs, combine="references"), [noise_image((120, 90), 9)]
    )
    panel.show_job(job)
    assert canvas.before is not None
    assert canvas.before.size == Size(120, 90)


def test_a_generated_picture_cannot_be_compared_and_the_wish_is_kept(
    panel: ViewerPanel, finished: Callable[..., Job], job: Job, qtbot: QtBot
) -> None:
    told: list[bool] = []
    panel.compare_changed.connect(told.append)
    generated = finished(model_id="qwen-image", inputs=[])
    panel.show_job(job)
    panel.set_compare(True)
    panel.show_job(generated)
    assert (panel.can_compare(), panel.compare_on()) == (False, False)
    assert not divider_of(panel).isVisible()
    qtbot.keyPress(panel.findChild(Canvas, "viewer"), Qt.Key.Key_Space)
    panel.show_job(job)
    assert (panel.can_compare(), panel.compare_on()) == (True, True)
    assert told == [True, False, True]


def test_an_input_of_other_proportions_is_laid_inside_the_result() -> None:
    rect = Placed(10, 20, 400, 200)
    assert aligned(rect, Size(800, 400), Size(1600, 800)) == rect
    assert aligned(rect, Size(300, 300), Size(1600, 800)) == Placed(110, 20, 200, 200)
    assert aligned(rect, Size(1600, 400), Size(1600, 800)) == Placed(10, 70, 400, 100)


def test_the_sides_are_labelled_where_there_is_room(canvas: Canvas, compared: Divider) -> None:
    whole = picture_part(canvas)
    compared.setValue(0)
    right_only = picture_part(canvas)
    # A dark pill at the left end is there only while there is a left side.
    assert whole[8:26, 8:40].mean() < right_only[8:26, 8:40].mean() - 40
    assert right_only[8:26, -40:-8].mean() < 100


def test_a_photo_with_alpha_is_compared_on_chequers(
    panel: ViewerPanel, canvas: Canvas, make: Callable[..., Job], store: JobStore, tmp_path: Path
) -> None:
    image = noise_image((200, 160))
    image.putalpha(0)
    image.save(tmp_path / "clear.png")
    job = finish(store, make("starter", [tmp_path / "clear.png"]), [noise_image((200, 160), 4)])
    panel.show_job(job)
    panel.actual_size()
    canvas.comparison.set_flipped(flipped=True)
    assert len(np.unique(picture_part(canvas)[LABELS:].reshape(-1, 3), axis=0)) == 2
