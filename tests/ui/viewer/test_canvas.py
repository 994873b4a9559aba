"""The canvas as it is seen, and moved about by wheel, gesture, mouse and keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPalette, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from qie_desktop.ui.viewer.canvas import Canvas
from qie_desktop.ui.viewer.panel import ViewerPanel
from tests.ui.viewer.conftest import make_noise, pixels_in, pixels_of

CONTROL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier


def wheel(canvas: Canvas, at: QPointF, notches: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, round(notches * 120)),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def gesture(canvas: Canvas, kind: Qt.NativeGestureType, at: QPointF, value: float) -> None:
    event = QNativeGestureEvent(
        kind,
        QPointingDevice.primaryPointingDevice(),
        2,
        at,
        at,
        canvas.mapToGlobal(at),
        value,
        QPointF(),
    )
    QApplication.sendEvent(canvas, event)


@pytest.fixture
def large(panel: ViewerPanel, canvas: Canvas, tmp_path: Path) -> Path:
    """A picture larger than the viewer, shown."""
    path = make_noise(tmp_path / "large.png", (1600, 1200))
    panel.show_input(path)
    assert canvas.view is not None
    return path


def point_under(canvas: Canvas, at: QPointF) -> tuple[float, float]:
    assert canvas.view is not None
    return canvas.view.picture_point(at.x() * canvas.ratio, at.y() * canvas.ratio)


def seen(canvas: Canvas) -> np.ndarray:
    return pixels_of(canvas.grab().toImage())


def test_a_large_picture_is_fitted_and_followed_when_the_window_is_resized(
    panel: ViewerPanel, canvas: Canvas, large: Path
) -> None:
    del large
    fitted = panel.zoom_percent()
    assert canvas.view is not None
    assert canvas.view.visible == canvas.view.rect
    panel.resize(panel.width() // 2, panel.height())
    assert panel.zoom_percent() < fitted
    assert canvas.view.visible == canvas.view.rect


def test_at_actual_size_each_pixel_of_the_picture_is_one_of_the_screen(
    panel: ViewerPanel, canvas: Canvas, large: Path
) -> None:
    panel.actual_size()
    assert panel.zoom_percent() == 100
    assert canvas.view is not None
    rect = canvas.view.rect
    height, width = seen(canvas).shape[:2]
    expected = pixels_in(large)[-rect.top : height - rect.top, -rect.left : width - rect.left]
    assert np.array_equal(seen(canvas), expected)


def test_enlarged_eightfold_pixels_are_exact_squares_without_a_grid(
    panel: ViewerPanel, canvas: Canvas, large: Path
) -> None:
    assert canvas.view is not None
    canvas.set_view(canvas.view.zoomed(8.0))
    rect, image, source = canvas.view.rect, seen(canvas), pixels_in(large)
    for y, x in ((3, 5), (50, 77), (200, 333)):
        assert tuple(image[y, x]) == tuple(source[(y - rect.top) // 8, (x - rect.left) // 8])


def test_above_800_percent_a_grid_lies_between_the_pixels(canvas: Canvas, large: Path) -> None:
    assert canvas.view is not None
    canvas.set_view(canvas.view.zoomed(16.0))
    rect, image, source = canvas.view.rect, seen(canvas), pixels_in(large)
    inside, on_line = [], []
    for x in range(40, 300):
        column, row = (x - rect.left) // 16, (100 - rect.top) // 16
        same = tuple(image[100, x]) == tuple(source[row, column])
        (on_line if (x - rect.left) % 16 == 0 else inside).append(same)
    assert (100 - rect.top) % 16 != 0
    assert all(inside)
    assert on_line.count(True) <= 1


@pytest.mark.parametrize("notches", [3.0, -2.0, 0.5])
def test_the_wheel_with_control_zooms_about_the_pointer(
    panel: ViewerPanel, canvas: Canvas, large: Path, notches: float
) -> None:
    del large
    assert canvas.view is not None
    canvas.set_view(canvas.view.zoomed(2.0))
    at = QPointF(123, 211)
    before, percent = point_under(canvas, at), panel.zoom_percent()
    wheel(canvas, at, notches, CONTROL)
    assert (panel.zoom_percent() > percent) == (notches > 0)
    assert point_under(canvas, at) == pytest.approx(before)


def test_the_wheel_alone_pans_as_far_as_the_edge(canvas: Canvas, large: Path) -> None:
    del large
    assert canvas.view is not None
    canvas.set_view(canvas.view.zoomed(1.0))
    before = canvas.view
    wheel(canvas, QPointF(50, 50), -1)
    assert canvas.view == before.panned(0, -60 * canvas.ratio)
    for _ in range(40):
        wheel(canvas, QPointF(50, 50), -1)
    margin = canvas.view.margin
    assert canvas.view.rect.bottom == canvas.view.viewport.height - margin


def test_a_pinch_zooms_about_the_fingers(panel: ViewerPanel, canvas: Canvas, large: Path) -> None:
    del large
    panel.actual_size()
    at = QPointF(200, 100)
    before = point_under(canvas, at)
    gesture(canvas, Qt.NativeGestureType.ZoomNativeGesture, at, 0.25)
    assert panel.zoom_percent() == pytest.approx(125)
    assert point_under(canvas, at) == pytest.approx(before)


def test_a_double_tap_goes_to_actual_size_and_back_to_fit(
    panel: ViewerPanel, canvas: Canvas, large: Path
) -> None:
    del large
    fitted = panel.zoom_percent()
    gesture(canvas, Qt.NativeGestureType.SmartZoomNativeGesture, QPointF(200, 100), 0)
    assert panel.zoom_percent() == 100
    gesture(canvas, Qt.NativeGestureType.SmartZoomNativeGesture, QPointF(200, 100), 0)
    assert panel.zoom_percent() == fitted


def test_dragging_takes_the_picture_along(panel: ViewerPanel, canvas: Canvas, large: Path) -> None:
    del large
    panel.actual_size()
    assert canvas.cursor().shape() is Qt.CursorShape.OpenHandCursor
    start, end = QPoint(200, 200), QPoint(150, 230)
    under = point_under(canvas, QPointF(start))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, NONE, start)
    QTest.mouseMove(canvas, end)
    assert point_under(canvas, QPointF(end)) == pytest.approx(under)
    assert canvas.cursor().shape() is Qt.CursorShape.ClosedHandCursor
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, NONE, end)
    QTest.mouseMove(canvas, start)
    assert point_under(canvas, QPointF(end)) == pytest.approx(under)


def test_arrow_keys_pan_and_plus_and_minus_zoom(
    panel: ViewerPanel, canvas: Canvas, large: Path, qtbot: QtBot
) -> None:
    del large
    panel.actual_size()
    assert canvas.view is not None
    before = canvas.view
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.view.left < before.left
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    qtbot.keyClick(canvas, Qt.Key.Key_Down)
    assert (canvas.view.left, canvas.view.top < before.top) == (before.left, True)
    qtbot.keyClick(canvas, Qt.Key.Key_Plus)
    assert panel.zoom_percent() == 150
    qtbot.keyClick(canvas, Qt.Key.Key_Minus)
    assert panel.zoom_percent() == 100


def test_zoom_commands_tell_what_they_have_done(panel: ViewerPanel, large: Path, qtbot: QtBot) -> None:
    del large
    told: list[float] = []
    panel.zoom_changed.connect(told.append)
    panel.actual_size()
    panel.zoom_in()
    panel.zoom_out()
    panel.zoom_to_fit()
    assert told == [100, 150, 100, panel.zoom_percent()]
    assert panel.zoom_percent() < 100


def test_a_coarser_level_shows_the_same_picture(panel: ViewerPanel, canvas: Canvas, tmp_path: Path) -> None:
    gradient = Image.linear_gradient("L").resize((3001, 2003))
    path = tmp_path / "gradient.png"
    Image.merge("RGB", (gradient, gradient.transpose(Image.Transpose.FLIP_TOP_BOTTOM), gradient)).save(path)
    panel.show_input(path)
    assert canvas.view is not None
    rect = canvas.view.rect
    image = seen(canvas)[rect.top : rect.bottom, rect.left : rect.right]
    with Image.open(path) as whole:
        reference = np.asarray(whole.resize((rect.width, rect.height), Image.Resampling.BOX)).astype(np.int16)
    assert np.abs(image - reference).max() <= 3


def test_what_is_transparent_lies_on_chequers_and_blends_right(
    panel: ViewerPanel, canvas: Canvas, tmp_path: Path
) -> None:
    path = tmp_path / "half.png"
    image = Image.new("RGBA", (200, 160), (255, 0, 0, 128))
    image.paste((0, 0, 255, 255), (0, 0, 200, 40))
    image.paste((9, 9, 9, 0), (0, 120, 200, 160))
    image.save(path)
    panel.show_input(path)
    panel.actual_size()
    assert canvas.view is not None
    rect, colours = canvas.view.rect, seen(canvas)
    part = colours[rect.top : rect.bottom, rect.left : rect.right]
    assert (part[:40] == (0, 0, 255)).all()
    squares = np.unique(part[120:].reshape(-1, 3), axis=0)
    assert len(squares) == 2
    blended = part[40:120].reshape(-1, 3)
    expected = (squares * 127 + np.array([255, 0, 0]) * 128) / 255
    distance = np.abs(blended[:, None, :] - expected[None]).max(axis=2).min(axis=1)
    assert distance.max() <= 2


def test_colours_of_another_profile_are_shown_in_srgb(
    panel: ViewerPanel, canvas: Canvas, tmp_path: Path
) -> None:
    from PIL import ImageCms

    path = tmp_path / "lab.tif"
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (80, 60), (200, 40, 90)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    lab.save(path)
    panel.show_input(path)
    assert canvas.view is not None
    middle = canvas.view.viewport.height // 2, canvas.view.viewport.width // 2
    assert np.abs(seen(canvas)[middle] - (200, 40, 90)).max() <= 4


def test_the_ground_follows_the_palette(panel: ViewerPanel, canvas: Canvas, noise: Path) -> None:
    panel.show_input(noise)
    palette = canvas.palette()
    palette.setColor(QPalette.ColorRole.Window, Qt.GlobalColor.darkGreen)
    canvas.setPalette(palette)
    assert tuple(seen(canvas)[1, 1]) == (0, 128, 0)


def test_other_events_are_left_to_others(canvas: Canvas) -> None:
    event = QEvent(QEvent.Type.User)
    assert not canvas.navigation.eventFilter(canvas, event)
    wheel(canvas, QPointF(5, 5), 1, CONTROL)
    assert canvas.view is None


@pytest.mark.parametrize("shown", ["picture", "nothing"])
@pytest.mark.parametrize("reason", ["TabFocusReason", "BacktabFocusReason"])
def test_focus_that_the_keyboard_brings_is_seen(
    request: pytest.FixtureRequest, panel: ViewerPanel, canvas: Canvas, qtbot: QtBot, shown: str, reason: str
) -> None:
    if shown == "picture":
        request.getfixturevalue("large")
        panel.zoom_in()
        panel.zoom_in()
    else:
        panel.show_input(Path("no such file"))
        canvas.show_note("")
    canvas.setFocus(Qt.FocusReason.MouseFocusReason)
    qtbot.waitUntil(canvas.hasFocus)
    calm = pixels_of(canvas.grab().toImage())
    canvas.clearFocus()
    canvas.setFocus(Qt.FocusReason[reason])
    ringed = pixels_of(canvas.grab().toImage())
    changed = (ringed != calm).any(axis=2)
    assert changed[:2].all()
    assert changed[-2:].all()
    assert changed[:, :2].all()
    assert changed[:, -2:].all()
    assert not changed[3:-3, 3:-3].any()
    canvas.clearFocus()
    assert (pixels_of(canvas.grab().toImage()) == calm).all()


def test_focus_is_seen_still_after_another_window_was_in_front(
    large: Path, canvas: Canvas, qtbot: QtBot
) -> None:
    del large
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus)
    canvas.clearFocus()
    canvas.setFocus(Qt.FocusReason.TabFocusReason)
    ringed = canvas.grab().toImage()
    canvas.clearFocus()
    assert canvas.grab().toImage() != ringed
    canvas.setFocus(Qt.FocusReason.ActiveWindowFocusReason)
    assert canvas.grab().toImage() == ringed
