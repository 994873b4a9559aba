"""Joining: several pictures side by side on one canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from qie_desktop.core.errors import ImageTooLarge
from qie_desktop.core.geometry import Size, plan_side_by_side
from qie_desktop.imaging.fitting import with_alpha
from qie_desktop.imaging.formats import MAX_PIXELS
from qie_desktop.imaging.opening import Picture, PictureInfo
from qie_desktop.imaging.strips import alpha_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPAQUE = 255
_WHITE = (255, 255, 255)


def join_side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Return one picture with all of these on it from left to right, each as tall as the tallest.

    The tallest keep their pixels; the others are enlarged (Lanczos). The canvas has alpha where any of them
    has. Its `info` is that of no file: 0 bytes, no format. Raises ValueError for no pictures, and
    ImageTooLarge where a low, wide picture would have to be enlarged beyond what can be handled.
    """
    if not pictures:
        raise ValueError("nothing to join")
    plan = plan_side_by_side(tuple(Size(*picture.rgb.size) for picture in pictures))
    if plan.canvas.area_px > MAX_PIXELS:
        raise ImageTooLarge(
            "images",
            f"Side by side the pictures would be {plan.canvas} px.",
            "Scale the taller one down, or give pictures of more similar heights.",
        )
    rgb = Image.new("RGB", plan.canvas)
    alpha = Image.new("L", plan.canvas, _OPAQUE) if any(picture.alpha for picture in pictures) else None
    for picture, size, left in zip(pictures, plan.sizes, plan.lefts, strict=True):
        placed = with_alpha(picture.rgb, picture.alpha)
        if placed.size != size:
            # Of RGBA, Pillow weighs colours by alpha: what is transparent does not shine through at edges.
            placed = placed.resize(size, Image.Resampling.LANCZOS)
        if alpha is not None and placed.mode == "RGBA":
            own = alpha_of(placed)
            alpha.paste(own, (left, 0))
            placed = placed.convert("RGB")
            placed.paste(_WHITE, (0, 0), own.point([_OPAQUE] + [0] * _OPAQUE))
        rgb.paste(placed, (left, 0))
    return Picture(rgb, alpha, PictureInfo(plan.canvas, "", 0, sendable=False))
