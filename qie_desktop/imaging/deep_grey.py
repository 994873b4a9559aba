"""Grey of 16 or 32 bits, or of floats, as 8 bits."""

from __future__ import annotations

import numpy as np
from PIL import Image, TiffImagePlugin

_PEAK_8, _PEAK_16 = 0xFF, 0xFFFF
_PEAK_31, _PEAK_32 = 0x7FFFFFFF, 0xFFFFFFFF
_TIFF_BITS, _TIFF_SAMPLE_FORMAT = 258, 339
_UNSIGNED = 1


def grey_8(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return a picture of mode I, I;16 or F as mode L, and its alpha where one value is transparent.

    Scaled by what white is in it: Pillow's own conversion would clip it at 255.
    """
    wide = np.asarray(image)
    if image.mode == "F":
        values = np.nan_to_num(wide.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        peak = _float_peak(float(values.max()))
    else:
        values, peak = _integers(image, wide)
    scaled = np.rint(np.clip(values / peak, 0.0, 1.0) * _PEAK_8).astype(np.uint8)
    transparent: object = image.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(scaled), None
    return Image.fromarray(scaled), Image.fromarray(
        np.where(wide == transparent, 0, _PEAK_8).astype(np.uint8)
    )


def _integers(image: Image.Image, wide: np.ndarray) -> tuple[np.ndarray, int]:
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
    if image.mode != "I":
        bits: object = tags.get(_TIFF_BITS, (16,))[0] if tags is not None else 16
        return wide, (1 << bits) - 1 if isinstance(bits, int) else _PEAK_16
    unsigned = tags is not None and tags.get(_TIFF_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    values = wide.astype(np.int32).view(np.uint32) if unsigned else wide
    # 16 bits are often kept in 32.
    if int(values.max()) <= _PEAK_16:
        return values, _PEAK_16
    return values, _PEAK_32 if unsigned else _PEAK_31


def _float_peak(largest: float) -> float:
    """Return what white is in a picture of floats: they run to 1 by custom, or as 8 or 16 bits do."""
    return next((float(peak) for peak in (1, _PEAK_8, _PEAK_16) if largest <= peak), largest)
