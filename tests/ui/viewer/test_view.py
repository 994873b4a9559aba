"""Fit, zoom and pan as arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qie_desktop.core.geometry import Size
from qie_desktop.ui.viewer.view import LARGEST_FIT, LARGEST_SCALE, Placed, View

sides = st.integers(64, 8000)
viewports = st.builds(Size, st.integers(100, 3000), st.integers(100, 2000))
pictures = st.builds(Size, sides, sides)


@given(viewports, pictures, st.sampled_from((0, 16, 32)))
def test_a_fitted_picture_is_seen_whole_in_the_middle_and_as_large_as_can_be(
    viewport: Size, picture: Size, margin: int
) -> None:
    view = View.fitted(viewport, picture, margin)
    rect = view.rect
    assert rect.left >= margin - 1
    assert rect.top >= margin - 1
    assert abs((viewport.width - rect.right) - rect.left) <= 1
    assert abs((viewport.height - rect.bottom) - rect.top) <= 1
    filled = (rect.width + 2 * margin >= viewport.width - 1, rect.height + 2 * margin >= viewport.height - 1)
    assert any(filled) or view.scale == LARGEST_FIT or _is_whole_and_all_but_fills(view)


def _is_whole_and_all_but_fills(view: View) -> bool:
    rect, room = view.rect, [side - 2 * view.margin for side in view.viewport]
    return view.scale == int(view.scale) and max(rect.width / room[0], rect.height / room[1]) > 0.97


@pytest.mark.parametrize(("width", "scale"), [(600, 1.0), (606, 1.0), (630, 1.05), (1206, 2.0), (594, 0.99)])
def test_a_picture_that_all_but_fits_is_shown_with_its_own_pixels(width: int, scale: float) -> None:
    assert View.fitted(Size(width, 4000), Size(600, 400)).scale == scale


@given(
    viewports,
    pictures,
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.02, 32.0),
    st.floats(0.02, 32.0),
)
def test_zooming_about_a_point_keeps_what_is_under_it(
    viewport: Size, picture: Size, across: float, down: float, first: float, second: float
) -> None:
    x, y = viewport.width * across, viewport.height * down
    before = View.fitted(viewport, picture).zoomed(first, (x, y))
    after = before.zoomed(second, (x, y))
    was, now = before.picture_point(x, y), after.picture_point(x, y)
    for axis, (start, size, side) in enumerate(
        (
            (after.left, picture.width * after.scale, viewport.width),
            (after.top, picture.height * after.scale, viewport.height),
        )
    ):
        # Where the picture is smaller than the viewport it stands in the middle, and at an edge it stops.
        if size > side and start < -1e-6 and start + size > side + 1e-6:
            assert now[axis] == pytest.approx(was[axis], abs=1e-6 * max(picture))


@given(viewports, pictures, st.floats(0.02, 32.0), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_a_picture_larger_than_the_viewport_is_panned_no_further_than_its_edges(
    viewport: Size, picture: Size, scale: float, across: float, down: float
) -> None:
    view = View.fitted(viewport, picture, 16).zoomed(scale).panned(across, down)
    for start, size, side in (
        (view.left, picture.width * view.scale, viewport.width),
        (view.top, picture.height * view.scale, viewport.height),
    ):
        if size > side - 32:
            assert start <= 16 + 1e-6
            assert start + size >= side - 16 - 1e-6
        else:
            assert start == pytest.approx((side - size) / 2)


def test_panning_moves_by_just_as_much_as_asked_inside_the_edges() -> None:
    view = View.fitted(Size(400, 300), Size(4000, 3000)).zoomed(1.0)
    moved = view.panned(-37, 21)
    assert (moved.left, moved.top) == (view.left - 37, view.top + 21)


def test_zoom_ends_at_the_largest_and_the_smallest_scale() -> None:
    view = View.fitted(Size(400, 300), Size(4000, 3000))
    assert view.zoomed(1000).scale == LARGEST_SCALE
    assert view.zoomed(1e-9).scale == view.smallest_scale < view.fit_scale


def test_steps_go_up_and_down_the_same_scales_and_pass_100_percent() -> None:
    view = View.fitted(Size(400, 300), Size(4000, 3000))
    up: list[float] = []
    while view.scale < LARGEST_SCALE:
        view = view.stepped(1)
        up.append(view.scale)
    down: list[float] = []
    while len(down) < len(up) - 1:
        view = view.stepped(-1)
        down.append(view.scale)
    assert up[:-1] == down[::-1]
    assert up == sorted(set(up))
    assert 1.0 in up


def test_a_fitted_picture_is_fitted_again_when_the_viewport_is_resized() -> None:
    view = View.fitted(Size(400, 300), Size(4000, 3000)).in_viewport(Size(800, 600), 0)
    assert view == View.fitted(Size(800, 600), Size(4000, 3000))


def test_a_zoomed_picture_keeps_its_middle_and_scale_when_the_viewport_is_resized() -> None:
    view = View.fitted(Size(400, 300), Size(4000, 3000)).zoomed(1.0).panned(-300, -200)
    resized = view.in_viewport(Size(500, 380), 0)
    assert resized.scale == 1.0
    assert resized.picture_point(250, 190) == view.picture_point(200, 150)


def test_another_picture_of_the_same_size_is_seen_in_the_same_view() -> None:
    view = View.fitted(Size(400, 300), Size(4000, 3000)).zoomed(2.0).panned(55, 66)
    assert view.of_picture(Size(4000, 3000)) is view
    assert view.of_picture(Size(300, 400)) == View.fitted(Size(400, 300), Size(300, 400))


def test_rectangles_without_anything_in_common_have_none() -> None:
    assert Placed(0, 0, 10, 10).within(Placed(20, 0, 5, 5)).width == 0
