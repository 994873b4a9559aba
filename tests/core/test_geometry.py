"""Sizes: what a picture is worked on at, and that it comes back at exactly its own."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qie_desktop.core.geometry import (
    GENERATION_AREA_PX,
    Size,
    parse_ratio,
    plan_condition,
    plan_fit_back,
    plan_into_range,
    plan_side_by_side,
    plan_working,
    size_for_ratio,
)

SIDES = st.integers(64, 8000)
SIZES = st.builds(Size, SIDES, SIDES)
AREAS = st.sampled_from([512 * 512, 1024 * 1024])
LIMITS = st.sampled_from([None, 576])
GRIDS = st.sampled_from([16, 32])


@given(SIZES, AREAS, LIMITS, GRIDS)
@example(Size(8000, 64), 512 * 512, 576, 16)
@example(Size(64, 8000), 512 * 512, 576, 32)
@example(Size(512, 512), 512 * 512, 576, 16)
def test_the_content_scaled_back_has_exactly_the_size_of_the_input(size, area_px, max_side_px, grid_px):
    plan = plan_working(size, area_px, max_side_px, grid_px)
    assert plan.size == size
    left, top, right, bottom = plan.content
    assert (right - left) / plan.scale == pytest.approx(size.width, abs=1e-6)
    assert (bottom - top) / plan.scale == pytest.approx(size.height, abs=1e-6)


@given(SIZES, AREAS, LIMITS)
def test_one_factor_holds_for_both_sides(size, area_px, max_side_px):
    plan = plan_working(size, area_px, max_side_px)
    left, top, right, bottom = plan.content
    assert (right - left) * size.height == pytest.approx((bottom - top) * size.width)


@given(SIZES, AREAS, LIMITS)
def test_the_working_picture_keeps_within_its_limits(size, area_px, max_side_px):
    plan = plan_working(size, area_px, max_side_px)
    left, top, right, bottom = plan.content
    assert (right - left) * (bottom - top) <= area_px * (1 + 1e-9)
    if max_side_px is not None:
        assert max(plan.padded) <= max_side_px


@given(SIZES, AREAS, LIMITS, GRIDS)
def test_padding_is_less_than_one_step_of_the_grid(size, area_px, max_side_px, grid_px):
    plan = plan_working(size, area_px, max_side_px, grid_px)
    left, top, right, bottom = plan.content
    for padded, content in ((plan.padded.width, right - left), (plan.padded.height, bottom - top)):
        assert padded % grid_px == 0
        assert -1e-4 <= padded - content < grid_px
        if not plan.resamples:
            assert padded - content <= grid_px - 1


@given(SIZES, AREAS, LIMITS, GRIDS)
def test_the_content_lies_in_the_middle(size, area_px, max_side_px, grid_px):
    plan = plan_working(size, area_px, max_side_px, grid_px)
    left, top, right, bottom = plan.content
    tolerance = 1e-3 if plan.resamples else 1.0
    assert abs((plan.padded.width - right) - left) <= tolerance
    assert abs((plan.padded.height - bottom) - top) <= tolerance
    if not plan.resamples:
        assert all(edge == int(edge) for edge in plan.content)


@given(SIZES, AREAS, LIMITS)
@example(Size(1024, 1024), 1024 * 1024, None)
@example(Size(576, 455), 512 * 512, 576)
def test_a_picture_that_fits_is_never_resampled(size, area_px, max_side_px):
    plan = plan_working(size, area_px, max_side_px)
    fits = size.area_px <= area_px and (max_side_px is None or max(size) <= max_side_px)
    assert plan.resamples is not fits
    if fits:
        assert plan.scale == 1.0


@given(SIZES, AREAS, LIMITS)
def test_a_picture_is_only_ever_made_smaller_and_no_more_than_needed(size, area_px, max_side_px):
    plan = plan_working(size, area_px, max_side_px)
    tightest = [math.sqrt(area_px / size.area_px), 1.0]
    if max_side_px is not None:
        tightest.append(max_side_px / max(size))
    assert plan.scale == pytest.approx(min(tightest))


@pytest.mark.parametrize(("size", "area_px"), [(Size(0, 5), 100), (Size(5, -1), 100), (Size(5, 5), 0)])
def test_what_is_no_size_is_an_error(size, area_px):
    with pytest.raises(ValueError, match="not a size"):
        plan_working(size, area_px)


@given(st.lists(SIZES, min_size=1, max_size=3))
def test_pictures_side_by_side_have_one_height_and_their_ratios(sizes):
    plan = plan_side_by_side(tuple(sizes))
    tallest = max(size.height for size in sizes)
    assert plan.canvas == (sum(size.width for size in plan.sizes), tallest)
    edge = 0
    for size, placed, left in zip(sizes, plan.sizes, plan.lefts, strict=True):
        assert placed.height == tallest
        assert abs(placed.width - size.width * tallest / size.height) <= 0.5
        assert placed.width >= size.width
        assert left == edge
        edge += placed.width
        if size.height == tallest:
            assert placed == size


@given(SIZES, st.sampled_from([(384 * 384, 28), (1024 * 1024, 32)]))
def test_the_condition_size_is_that_of_diffusers(size, setting):
    """`calculate_dimensions` of diffusers' pipeline, and the caller's rounding to a multiple."""
    area, multiple = setting
    ratio = size.width / size.height
    width = math.sqrt(area * ratio)
    height = width / ratio
    theirs = (round(width / multiple) * multiple, round(height / multiple) * multiple)
    ours = plan_condition(size, area, multiple)
    assert ours == tuple(max(multiple, side) for side in theirs)


def test_no_side_of_the_condition_size_is_zero():
    assert min(plan_condition(Size(8000, 1), 384 * 384, 32)) == 32


@given(SIZES, SIZES)
def test_the_part_that_is_fitted_back_lies_within_the_picture(result, target):
    box = plan_fit_back(result, target)
    assert -1e-6 <= box.left < box.right <= result.width + 1e-6
    assert -1e-6 <= box.top < box.bottom <= result.height + 1e-6


@given(SIZES, SIZES)
def test_the_part_that_is_fitted_back_is_the_whole_or_of_the_targets_ratio(result, target):
    box = plan_fit_back(result, target)
    width, height = box.right - box.left, box.bottom - box.top
    if (width, height) == tuple(result):
        return
    assert width * target.height == pytest.approx(height * target.width)
    assert width == pytest.approx(result.width) or height == pytest.approx(result.height)
    assert box.left == pytest.approx(result.width - box.right, abs=1e-6)
    assert box.top == pytest.approx(result.height - box.bottom, abs=1e-6)


@given(SIZES)
def test_a_result_of_the_targets_size_is_taken_whole(size):
    assert plan_fit_back(size, size) == (0, 0, size.width, size.height)


@given(SIZES, st.integers(-16, 16), st.integers(-16, 16))
@example(Size(512, 1515), -16, 16)  # the longer side is 32.03 px off the one of equal area
@example(Size(2048, 512), 16, -16)
def test_what_a_provider_rounded_is_taken_whole(target, wider, taller):
    result = Size(max(64, target.width + wider), max(64, target.height + taller))
    if min(target) < 512:  # there a few pixels are another ratio, not a rounding
        return
    if max(target) / min(target) > 4:
        return
    assert plan_fit_back(result, target) == (0, 0, result.width, result.height)


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", (1328, 1328)),
        ("16:9", (1664, 928)),
        ("9:16", (928, 1664)),
        ("4:3", (1472, 1104)),
        ("3:4", (1104, 1472)),
        ("3:2", (1584, 1056)),
        ("2:3", (1056, 1584)),
    ],
)
def test_the_sizes_of_the_model_card_are_generated(ratio, size):
    assert size_for_ratio(ratio) == size


@pytest.mark.parametrize("ratio", ["21:9", "9:21", "4:5", "5:4", "7:5", "1:2"])
@pytest.mark.parametrize("area_px", [GENERATION_AREA_PX, 1024 * 1024, 512 * 512])
def test_other_ratios_lie_on_the_grid_near_the_area(ratio, area_px):
    across, down = map(int, ratio.split(":"))
    size = size_for_ratio(ratio, area_px)
    assert all(side % 16 == 0 for side in size)
    assert size.area_px == pytest.approx(area_px, rel=0.05)
    assert abs(size.width - math.sqrt(area_px * across / down)) <= 8
    assert abs(size.height - math.sqrt(area_px * down / across)) <= 8


@pytest.mark.parametrize(
    "text", ["", "16", "16:", ":9", "16/9", "0:1", "1:0", "-1:2", "a:b", "1:2:3", "1.5:1", "²:1"]
)
def test_what_is_no_ratio_is_an_error(text):
    with pytest.raises(ValueError, match="not a ratio"):
        parse_ratio(text)


@given(st.integers(1, 999), st.integers(1, 999))
def test_a_ratio_is_read(across, down):
    assert parse_ratio(f"{across}:{down}") == (across, down)


def test_a_size_is_written_with_its_sides():
    assert (str(Size(1200, 800)), Size(1200, 800).area_px) == ("1200×800", 960_000)


RANGES = st.sampled_from([(64, 8000), (384, 3072)])
ANY_SIZES = st.builds(Size, st.integers(1, 12_000), st.integers(1, 12_000))


@given(ANY_SIZES, RANGES)
@example(Size(383, 383), (384, 3072))
@example(Size(384, 3072), (384, 3072))
@example(Size(383, 3072), (384, 3072))
@example(Size(3073, 384), (384, 3072))
@example(Size(48, 384), (384, 3072))
@example(Size(47, 384), (384, 3072))
def test_a_size_is_brought_into_range_by_the_smallest_change(size, bounds):
    low, high = bounds
    scaled = plan_into_range(size, low, high)
    fits = low <= min(size) and max(size) <= high
    if scaled is None:
        # Half a pixel of rounding is all that could have been gained.
        assert max(size) / min(size) > high / low * (1 - 1 / low)
        assert not fits
        return
    assert low <= min(scaled) <= max(scaled) <= high
    assert (scaled == size) is fits
    if not fits:
        # One side lies exactly on its bound: nothing smaller would have done.
        assert min(scaled) == low or max(scaled) == high
        scale = max(scaled) / max(size)
        for side, was in zip(scaled, size, strict=True):
            assert side == pytest.approx(was * scale, abs=0.5 + was / max(size))
