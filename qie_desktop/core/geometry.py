"""Sizes: what a picture is worked on at, how it comes back, how two are joined, what a ratio means in pixels.

Pure functions over integers and floats. Widths come before heights everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

_EPSILON = 1e-6
"""A side that fills whole cells of the grid but for rounding of floats fills no cell more."""


class Size(NamedTuple):
    """A width and a height in pixels."""

    width: int
    height: int

    @property
    def area_px(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


class Box(NamedTuple):
    """A rectangle in pixels, as Pillow takes it; the edges may lie between pixels."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class WorkingPlan:
    """How a picture goes through a model with a limited working area, and back to exactly its own size.

    On the way in it is scaled by `scale`, one factor for both sides, and put in the middle of `padded`, which
    is filled up around it by reflection. On the way back `content`, where it lies, is cut out and scaled to
    `size`. With `scale` 1 no pixel is resampled, only padded and cropped.

    It lies in the middle so that a model may mirror the whole working picture and still be right: padded at
    one side alone, a flip would come back shifted by the padding.
    """

    size: Size
    scale: float
    padded: Size

    @property
    def content(self) -> Box:
        """The part of the working picture that shows the input, all of it and nothing else.

        Its edges lie on whole pixels where `scale` is 1, and may lie between two otherwise.
        """
        width, height = self.size.width * self.scale, self.size.height * self.scale
        left, top = (self.padded.width - width) / 2, (self.padded.height - height) / 2
        if not self.resamples:
            left, top = float(int(left)), float(int(top))
        return Box(left, top, left + width, top + height)

    @property
    def resamples(self) -> bool:
        """Whether pixels are interpolated at all."""
        return self.scale != 1.0


def plan_working(size: Size, area_px: int, max_side_px: int | None = None, grid_px: int = 16) -> WorkingPlan:
    """Plan how a picture of `size` is worked on within `area_px` and `max_side_px`, on a grid of `grid_px`.

    The picture is only ever made smaller. `area_px` bounds the scaled picture, before it is padded by less
    than `grid_px` pixels in each direction. Raises ValueError for a size or an area that is not positive.
    """
    if min(size) < 1 or area_px < 1:
        raise ValueError(f"not a size to plan for: {size} within {area_px} px")
    scale = min(1.0, math.sqrt(area_px / size.area_px))
    if max_side_px is not None:
        scale = min(scale, max_side_px / max(size))
    cells = (math.ceil(side * scale / grid_px - _EPSILON) for side in size)
    return WorkingPlan(size, scale, Size(*(max(1, count) * grid_px for count in cells)))


@dataclass(frozen=True, slots=True)
class SideBySidePlan:
    """Where each picture goes on a common canvas: same height, ratios kept, from left to right."""

    canvas: Size
    sizes: tuple[Size, ...]

    @property
    def lefts(self) -> tuple[int, ...]:
        """The left edge of each picture."""
        edges = [0]
        for size in self.sizes[:-1]:
            edges.append(edges[-1] + size.width)
        return tuple(edges)


def plan_side_by_side(sizes: tuple[Size, ...]) -> SideBySidePlan:
    """Plan a canvas as tall as the tallest picture, so that none loses a pixel; the others are enlarged."""
    height = max(size.height for size in sizes)
    placed = tuple(Size(max(1, round(size.width * height / size.height)), height) for size in sizes)
    return SideBySidePlan(Size(sum(size.width for size in placed), height), placed)


def plan_condition(size: Size, area_px: int, multiple_px: int) -> Size:
    """Return the size at which the vision encoder sees a picture: about `area_px`, sides rounded.

    The same arithmetic as `calculate_dimensions` in diffusers' QwenImageEditPlusPipeline, but that no side
    becomes 0.
    """
    ratio = size.width / size.height
    width = math.sqrt(area_px * ratio)
    height = width / ratio
    return Size(*(max(multiple_px, round(side / multiple_px) * multiple_px) for side in (width, height)))


def plan_into_range(size: Size, low_px: int, high_px: int) -> Size | None:
    """Return the size nearest to `size`, of the same ratio, whose sides lie from `low_px` to `high_px`.

    That is `size` itself where it does so already: at most one side is brought to the bound that it breaks,
    and the other follows, rounded. None where no scale does it: one side is too many times the other.
    """
    scale = 1.0
    if min(size) < low_px:
        scale = low_px / min(size)
    elif max(size) > high_px:
        scale = high_px / max(size)
    scaled = Size(*(round(side * scale) for side in size))
    return scaled if low_px <= min(scaled) and max(scaled) <= high_px else None


FIT_TOLERANCE_PX = 32
FIT_TOLERANCE = 0.05
"""Providers round the sides of what they return: to multiples of at most 32, some percents of a side."""


def _has_ratio_but_for_rounding(result: Size, target: Size) -> bool:
    """Return whether rounding explains that the ratios differ.

    Each side lies near what a picture of the target's ratio and the result's area would have; or both lie
    within half of the widest multiple of what some scale makes of the target, which in a long picture moves
    the longer side further than that.
    """
    scale = math.sqrt(result.area_px / target.area_px)
    off = [abs(side - wanted * scale) for side, wanted in zip(result, target, strict=True)]
    if any(px > FIT_TOLERANCE * wanted * scale for px, wanted in zip(off, target, strict=True)):
        return False
    half = FIT_TOLERANCE_PX / 2
    least = max((side - half) / wanted for side, wanted in zip(result, target, strict=True))
    most = min((side + half) / wanted for side, wanted in zip(result, target, strict=True))
    return max(off) <= FIT_TOLERANCE_PX or least <= most


def plan_fit_back(result: Size, target: Size) -> Box:
    """Return the part of a provider's result that is to be scaled to `target`.

    A result that has the target's ratio but for the provider's rounding of its sides is taken whole (the
    provider has stretched the picture by that much; so it is stretched back). Of any other ratio, the largest
    centred part with the target's ratio is taken.
    """
    if _has_ratio_but_for_rounding(result, target):
        return Box(0.0, 0.0, float(result.width), float(result.height))
    cover = min(result.width / target.width, result.height / target.height)
    width = min(target.width * cover, float(result.width))
    height = min(target.height * cover, float(result.height))
    left, top = (result.width - width) / 2, (result.height - height) / 2
    return Box(left, top, min(left + width, float(result.width)), min(top + height, float(result.height)))


GENERATION_AREA_PX = 1328 * 1328
"""The area at which Qwen-Image was trained to generate."""

GENERATION_SIZES: dict[str, Size] = {
    "1:1": Size(1328, 1328),
    "16:9": Size(1664, 928),
    "9:16": Size(928, 1664),
    "4:3": Size(1472, 1104),
    "3:4": Size(1104, 1472),
    "3:2": Size(1584, 1056),
    "2:3": Size(1056, 1584),
}
"""The sizes of Qwen-Image's model card; other ratios are worked out from the area."""


def parse_ratio(ratio: str) -> tuple[int, int]:
    """Read "16:9" as (16, 9). Raises ValueError for anything that is not two positive whole numbers."""
    left, colon, right = ratio.partition(":")
    if not (colon and left.isdecimal() and right.isdecimal() and int(left) and int(right)):
        raise ValueError(f'"{ratio}" is not a ratio such as 16:9')
    return int(left), int(right)


def size_for_ratio(ratio: str, area_px: int = GENERATION_AREA_PX, grid_px: int = 16) -> Size:
    """Return the size in pixels of a generated picture with this aspect ratio.

    The model card's own sizes where it has them, else the multiples of `grid_px` nearest to `area_px`.
    Raises ValueError for a text that is not a ratio.
    """
    if area_px == GENERATION_AREA_PX and ratio in GENERATION_SIZES:
        return GENERATION_SIZES[ratio]
    across, down = parse_ratio(ratio)
    width = math.sqrt(area_px * across / down)
    return Size(*(max(grid_px, round(side / grid_px) * grid_px) for side in (width, width * down / across)))
