"""Thumbnails: small WebP pictures for lists and grids."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from qie_desktop.imaging.colour import srgb_profile
from qie_desktop.imaging.fitting import with_alpha
from qie_desktop.imaging.opening import open_reduced

if TYPE_CHECKING:
    from pathlib import Path

_QUALITY = 80
_REDUCING_GAP = 2.0
"""How much larger than asked a picture stays when it is first reduced in whole steps; it does not show."""


def make_thumbnail(picture: Image.Image, side_px: int = 512) -> bytes:
    """Return a WebP of `picture` (RGB or RGBA, sRGB), its longer side `side_px` at most; never enlarged."""
    longer = max(picture.size)
    if longer > side_px:
        size = tuple(max(1, round(side * side_px / longer)) for side in picture.size)
        picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY, method=2, icc_profile=srgb_profile())
    return file.getvalue()


def draft_thumbnail(path: Path, side_px: int = 512) -> bytes:
    """Return a WebP thumbnail straight from a file, upright, by the quickest way that its format has.

    Errors as for `qie_desktop.imaging.opening.open_picture`.
    """
    picture = open_reduced(path, round(side_px * _REDUCING_GAP))
    return make_thumbnail(with_alpha(picture.rgb, picture.alpha), side_px)
