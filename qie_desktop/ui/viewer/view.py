"""Where a picture lies in the viewer: fit, zoom about a point, pan, all as arithmetic on device pixels."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from qie_desktop.core.geometry import Size

LARGEST_SCALE = 32.0
"""A pixel of the picture is never shown larger than so many pixels of the screen."""

LARGEST_FIT = 4.0
"""Zoom to Fit enlarges a tiny picture no further: it would be all squares."""

_SMALLEST_SCALE = 1 / 64
_WORTH_ENLARGING = 1.03
"""Zoom to Fit rather leaves each pixel whole than enlarges the picture by less than this."""

_BELOW_FIT = 0.5
_SAME = 1e-6
_STOPS = (
    *(0.02, 0.03, 0.05, 0.0625, 0.083, 0.125, 0.167, 0.25, 0.333, 0.5, 0.667, 0.75, 1.0),
    *(1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0),
)


class Placed(NamedTuple):
    """A rectangle of whole device pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column beyond it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row beyond it."""
        return self.top + self.height

    def within(self, other: Placed) -> Placed:
        """Return what the two have in common; a width or height of 0 where that is nothing."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Placed(left, top, max(0, right - left), max(0, bottom - top))


@dataclass(frozen=True, slots=True)
class View:
    """A picture in a viewport. All lengths are device pixels, but for `picture`, which is the picture's own.

    `scale` is the number of device pixels to a pixel of the picture: 1 is 100 %. `left` and `top` are where
    the picture begins. `fits`: it is to fill the viewport, whatever size that has. `margin` is left free
    around the picture where there is room.
    """

    viewport: Size
    picture: Size
    margin: int = 0
    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0
    fits: bool = True

    @classmethod
    def fitted(cls, viewport: Size, picture: Size, margin: int = 0) -> View:
        """Return the view in which all of the picture is seen, as large as it can be."""
        return cls(viewport, picture, margin)._settled(fits=True)

    @property
    def fit_scale(self) -> float:
        """The scale at which the picture fills the viewport, or all but does with its pixels sharp."""
        room = [max(1, side - 2 * self.margin) for side in self.viewport]
        scale = min(room[0] / self.picture.width, room[1] / self.picture.height, LARGEST_FIT)
        whole = float(int(scale))
        return whole if whole and scale < whole * _WORTH_ENLARGING else scale

    @property
    def smallest_scale(self) -> float:
        """The scale below which the picture cannot be zoomed out."""
        return max(_SMALLEST_SCALE, min(self.fit_scale, 1.0) * _BELOW_FIT)

    @property
    def rect(self) -> Placed:
        """Where the picture is painted."""
        return Placed(
            round(self.left),
            round(self.top),
            max(1, round(self.picture.width * self.scale)),
            max(1, round(self.picture.height * self.scale)),
        )

    @property
    def visible(self) -> Placed:
        """The part of the viewport that the picture covers."""
        return self.rect.within(Placed(0, 0, *self.viewport))

    def picture_point(self, x: float, y: float) -> tuple[float, float]:
        """Return which point of the picture is at a point of the viewport."""
        return (x - self.left) / self.scale, (y - self.top) / self.scale

    def can_pan(self) -> tuple[bool, bool]:
        """Return whether there is more of the picture than is seen, across and down."""
        room = [side - 2 * self.margin for side in self.viewport]
        return (
            self.picture.width * self.scale > room[0] + _SAME,
            self.picture.height * self.scale > room[1] + _SAME,
        )

    def zoomed(self, scale: float, about: tuple[float, float] | None = None) -> View:
        """Return the view at another scale; what is at `about` (the middle where None) stays there.

        Only at the edges it may move: no more is left free than the margin while there is more picture.
        """
        x, y = about or (self.viewport.width / 2, self.viewport.height / 2)
        scale = min(max(scale, self.smallest_scale), LARGEST_SCALE)
        across, down = self.picture_point(x, y)
        moved = replace(self, scale=scale, left=x - across * scale, top=y - down * scale)
        return moved._settled(fits=False)

    def stepped(self, direction: int, about: tuple[float, float] | None = None) -> View:
        """Return the view at the next larger (1) or smaller (-1) of the usual scales."""
        if direction > 0:
            at = bisect_right(_STOPS, self.scale * (1 + _SAME))
            return self.zoomed(_STOPS[min(at, len(_STOPS) - 1)], about)
        at = bisect_left(_STOPS, self.scale * (1 - _SAME)) - 1
        return self.zoomed(_STOPS[max(at, 0)], about)

    def panned(self, across: float, down: float) -> View:
        """Return the view with the picture moved by so much, as far as it may."""
        return replace(self, left=self.left + across, top=self.top + down)._settled(fits=self.fits)

    def in_viewport(self, viewport: Size, margin: int) -> View:
        """Return the view after the viewport was resized: fitted still, or about the same middle."""
        if self.fits:
            return View.fitted(viewport, self.picture, margin)
        shift = [(new - old) / 2 for new, old in zip(viewport, self.viewport, strict=True)]
        moved = replace(
            self, viewport=viewport, margin=margin, left=self.left + shift[0], top=self.top + shift[1]
        )
        return moved._settled(fits=False)

    def of_picture(self, picture: Size) -> View:
        """Return the view of another picture: the same part of one as large, all of any other."""
        if picture == self.picture:
            return self
        return View.fitted(self.viewport, picture, self.margin)

    def _settled(self, *, fits: bool) -> View:
        """Return the view with the picture in the middle, or over all of the viewport where it is larger."""
        scale = self.fit_scale if fits else self.scale
        sizes = (self.picture.width * scale, self.picture.height * scale)
        starts: list[float] = []
        for start, size, side in zip((self.left, self.top), sizes, self.viewport, strict=True):
            if fits or size <= side - 2 * self.margin:
                starts.append((side - size) / 2)
            else:
                starts.append(min(self.margin, max(side - self.margin - size, start)))
        return replace(self, scale=scale, left=starts[0], top=starts[1], fits=fits)
