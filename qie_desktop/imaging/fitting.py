"""Fitting: a picture onto the grid that a model works on and back; a provider's result to its target size.

The arithmetic stands in `qie_desktop.core.geometry`; here it is done to pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image

from qie_desktop.core.geometry import Box, Size, plan_fit_back
from qie_desktop.imaging.strips import merged

if TYPE_CHECKING:
    from qie_desktop.core.geometry import WorkingPlan

_EPSILON = 1e-6
"""A margin that is a whole number of pixels but for rounding of floats is that number."""


def to_working(rgb: Image.Image, plan: WorkingPlan) -> Image.Image:
    """Return `rgb` (mode RGB, `plan.size`) as a model takes it: scaled, in the middle of `plan.padded`.

    With scale 1 the pixels are untouched and only extended by reflection. Raises ValueError for a picture of
    another size than the plan's.
    """
    _check_size(rgb, plan.size)
    # The margins around the content, in pixels of the source.
    left, top = plan.content.left / plan.scale, plan.content.top / plan.scale
    right = plan.padded.width / plan.scale - left - plan.size.width
    bottom = plan.padded.height / plan.scale - top - plan.size.height
    margins = Box(*(max(0, math.ceil(margin - _EPSILON)) for margin in (left, top, right, bottom)))
    source = _reflected(rgb, margins)
    if not plan.resamples:
        return source
    box = Box(
        margins.left - left,
        margins.top - top,
        margins.left + plan.size.width + right,
        margins.top + plan.size.height + bottom,
    )
    return source.resize(plan.padded, Image.Resampling.LANCZOS, box=_within(box, source))


def from_working(working: Image.Image, plan: WorkingPlan) -> Image.Image:
    """Return what a model made (mode RGB, `plan.padded`) at exactly `plan.size`, without the padding.

    With scale 1 it is only cropped. Raises ValueError for a picture of another size than the plan's.
    """
    _check_size(working, plan.padded)
    if not plan.resamples:
        left, top, right, bottom = (int(edge) for edge in plan.content)
        return working.crop((left, top, right, bottom))
    return working.resize(plan.size, Image.Resampling.LANCZOS, box=_within(plan.content, working))


def fit_back(picture: Image.Image, target: Size) -> Image.Image:
    """Return a provider's result (mode RGB or RGBA) at exactly `target`: itself if it is so already."""
    size = Size(*picture.size)
    if size == target:
        return picture
    box = _within(plan_fit_back(size, target), picture)
    return picture.resize(target, Image.Resampling.LANCZOS, box=box)


def scaled_to(picture: Image.Image, size: Size) -> Image.Image:
    """Return a picture (mode RGB or RGBA) at `size` (Lanczos): itself if it is so already."""
    if picture.size == size:
        return picture
    # Of RGBA, Pillow weighs colours by alpha: what is transparent does not shine through at edges.
    return picture.resize(size, Image.Resampling.LANCZOS)


def with_alpha(rgb: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Return `rgb` with this alpha channel (mode L) as RGBA, or `rgb` itself where there is none.

    Raises ValueError where the sizes differ.
    """
    if alpha is None:
        return rgb
    return merged(rgb.convert("RGB"), alpha)


def _check_size(picture: Image.Image, expected: Size) -> None:
    if picture.size != expected:
        raise ValueError(f"the plan is for {expected}, the picture is {Size(*picture.size)}")


def _within(box: Box, picture: Image.Image) -> Box:
    """Return `box` without what rounding of floats put beyond the picture."""
    return Box(
        max(0.0, box.left), max(0.0, box.top), min(picture.width, box.right), min(picture.height, box.bottom)
    )


def _reflected(picture: Image.Image, margins: Box) -> Image.Image:
    """Extend `picture` by whole pixels on its four sides, by reflection about its outermost pixels."""
    if not any(margins):
        return picture.copy()
    import numpy as np  # noqa: PLC0415 - takes longer to import than all else here: only where it is used

    pixels = np.asarray(picture)
    left, top, right, bottom = (int(margin) for margin in margins)
    for axis, counts in ((0, (top, bottom)), (1, (left, right))):
        padding = [(0, 0)] * pixels.ndim
        padding[axis] = counts
        # One row alone has nothing to be reflected.
        pixels = np.pad(pixels, padding, mode="reflect" if pixels.shape[axis] > 1 else "edge")
    return Image.fromarray(pixels)
