"""Fitting pictures to a model's grid and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from qie_desktop.core.geometry import Size, plan_working
from qie_desktop.imaging.fitting import fit_back, from_working, to_working, with_alpha

_STARTER = {"area_px": 512 * 512, "max_side_px": 576}
_LOCAL = {"area_px": 1024 * 1024}


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(width * 8191 + height).integers(0, 256, (height, width, 3), "u1")
    )


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 700), st.integers(1, 400))
def test_a_picture_that_fits_comes_back_bit_for_bit(width, height):
    plan = plan_working(Size(width, height), **_LOCAL)
    picture = _noise(width, height)
    working = to_working(picture, plan)
    assert working.size == plan.padded
    assert working.crop(tuple(map(int, plan.content))).tobytes() == picture.tobytes()
    assert from_working(working, plan).tobytes() == picture.tobytes()


@pytest.mark.parametrize("size", [(65, 64), (100, 75), (2, 3), (1, 1), (1, 40)])
def test_the_padding_is_a_reflection(size):
    plan = plan_working(Size(*size), **_LOCAL)
    working, picture = np.asarray(to_working(_noise(*size), plan)), np.asarray(_noise(*size))
    width, height = size

    def mirrored(at: int, side: int) -> int:
        period = max(1, 2 * side - 2)
        return min(at % period, (period - at) % period) if side > 1 else 0

    left, top = int(plan.content.left), int(plan.content.top)
    rows = [mirrored(y - top, height) for y in range(plan.padded.height)]
    columns = [mirrored(x - left, width) for x in range(plan.padded.width)]
    assert np.array_equal(working, picture[np.ix_(rows, columns)])


@pytest.mark.parametrize(
    "size",
    [(8000, 64), (64, 8000), (577, 64), (1237, 811), (811, 1237), (513, 512), (3001, 2003), (1200, 800)],
)
@pytest.mark.parametrize("limits", [_STARTER, _LOCAL], ids=["starter", "local"])
def test_a_smooth_picture_comes_back_as_it_was(size, limits, ramp, difference):
    plan = plan_working(Size(*size), **limits)
    working = to_working(ramp(*size), plan)
    assert working.size == plan.padded
    back = from_working(working, plan)
    assert back.size == size
    # Five pixels across do not hold the gradient of 64 any better.
    assert difference(back, ramp(*size)) < (1.0 if min(size) * plan.scale > 8 else 2.0)


@pytest.mark.parametrize("size", [(1237, 811), (1999, 701), (640, 1777)])
def test_nothing_is_shifted_on_the_way_there_and_back(size):
    """A long wave keeps its phase to a hundredth of a pixel, along both sides."""
    period = 97.0
    for axis in (0, 1):
        at = (np.arange(size[axis]) + 0.5) * 2 * np.pi / period
        line = 128 + 100 * np.sin(at)
        plane = np.broadcast_to(line[None, :] if axis == 0 else line[:, None], (size[1], size[0]))
        picture = Image.fromarray(np.repeat(plane.round().astype(np.uint8)[..., None], 3, -1))
        plan = plan_working(Size(*size), **_STARTER)
        assert plan.resamples
        back = np.asarray(from_working(to_working(picture, plan), plan))[..., 0].astype(float)
        profile = back.mean(axis=0 if axis == 0 else 1) - 128
        whole = slice(0, int(size[axis] // period * period))
        phase = np.angle(np.sum(profile[whole] * np.exp(-1j * at[whole])) * 1j)
        assert abs(phase) * period / (2 * np.pi) < 0.01


def test_one_factor_holds_for_both_sides():
    """A disc stays round, where rounding each side by itself would make it an ellipse."""
    size = Size(2001, 67)
    y, x = np.mgrid[0 : size.height, 0 : size.width] + 0.5
    disc = ((x - 1700.3) ** 2 + (y - 33.1) ** 2 < 900) * 255.0
    plan = plan_working(size, **_STARTER)
    working = to_working(Image.fromarray(np.repeat(disc.astype(np.uint8)[..., None], 3, -1)), plan)
    left, top, _, bottom = plan.content
    found = np.asarray(working)[..., 0].astype(float)
    rows, columns = np.mgrid[0 : found.shape[0], 0 : found.shape[1]] + 0.5
    found[(rows < top) | (rows > bottom)] = 0  # the disc's reflections in the padding
    assert (found * columns).sum() / found.sum() == pytest.approx(1700.3 * plan.scale + left, abs=0.05)
    assert (found * rows).sum() / found.sum() == pytest.approx(33.1 * plan.scale + top, abs=0.05)


def test_the_last_rows_of_a_scaled_picture_are_not_mixed_with_black():
    size = Size(8000, 70)
    white = Image.new("RGB", size, "white")
    assert to_working(white, plan_working(size, **_STARTER)).getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("size", [(500, 333), (501, 334), (576, 416), (1237, 811), (64, 700)])
@pytest.mark.parametrize("grid_px", [16, 32])
def test_a_model_that_flips_the_working_picture_flips_the_picture(size, grid_px, difference):
    """Padded at one side alone, the result would come back shifted by up to the padding."""
    plan = plan_working(Size(*size), **_STARTER, grid_px=grid_px)
    x = np.arange(size[0])
    rows = np.broadcast_to(128 + 100 * np.sin(x * x / (4 * size[0])), (size[1], size[0]))
    picture = Image.fromarray(np.repeat(rows.round().astype(np.uint8)[..., None], 3, -1))

    flipped = from_working(to_working(picture, plan).transpose(Image.Transpose.FLIP_LEFT_RIGHT), plan)
    expected = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    if plan.resamples:
        expected = from_working(to_working(expected, plan), plan)
    elif (plan.padded.width - size[0]) % 2:
        # An odd number of padded columns has no middle: one pixel is as near as it gets.
        expected = Image.fromarray(np.roll(np.asarray(expected), 1, axis=1))
        flipped, expected = (part.crop((1, 0, *size)) for part in (flipped, expected))
    assert difference(flipped, expected) <= (1.0 if plan.resamples else 0.0)


def test_a_picture_of_another_size_than_planned_is_an_error():
    plan = plan_working(Size(100, 80), **_LOCAL)
    with pytest.raises(ValueError, match="100×80"):
        to_working(Image.new("RGB", (80, 100)), plan)
    with pytest.raises(ValueError, match="112×80"):
        from_working(Image.new("RGB", (100, 80)), plan)


def test_a_result_of_the_right_size_is_left_alone():
    picture = _noise(123, 77)
    assert fit_back(picture, Size(123, 77)) is picture


@pytest.mark.parametrize(
    ("result", "target"),
    [
        ((1024, 1024), (640, 641)),
        ((1184, 880), (4000, 3000)),
        ((832, 1248), (64, 96)),
        ((1328, 1328), (8000, 64)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_result_is_brought_to_exactly_the_target(result, target, mode, ramp):
    fitted = fit_back(ramp(*result).convert(mode), Size(*target))
    assert (fitted.size, fitted.mode) == (target, mode)


def test_a_result_rounded_by_the_provider_is_stretched_back_whole(ramp, difference):
    assert difference(fit_back(ramp(1184, 880), Size(1200, 900)), ramp(1200, 900)) < 1.0


def test_of_a_result_with_another_ratio_the_middle_is_taken(ramp):
    picture = ramp(400, 400)
    assert fit_back(picture, Size(400, 200)).tobytes() == picture.crop((0, 100, 400, 300)).tobytes()


def test_alpha_is_put_back():
    rgb, alpha = _noise(9, 7), Image.linear_gradient("L").resize((9, 7))
    rgba = with_alpha(rgb, alpha)
    assert rgba.mode == "RGBA"
    assert rgba.convert("RGB").tobytes() == rgb.tobytes()
    assert rgba.getchannel("A").tobytes() == alpha.tobytes()
    assert with_alpha(rgb, None) is rgb


def test_alpha_of_another_size_is_an_error():
    with pytest.raises(ValueError, match="size"):
        with_alpha(_noise(9, 7), Image.new("L", (7, 9)))
