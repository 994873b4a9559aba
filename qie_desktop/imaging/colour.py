"""Colour: any decoded picture as sRGB with 8 bits a channel, and its alpha channel apart."""

from __future__ import annotations

import io
from typing import Literal

from PIL import Image, ImageCms

from qie_desktop.imaging.strips import alpha_of

_MODE_OF_SPACE = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
"""Colour spaces of ICC profiles, and the mode of the pictures that such a profile describes."""

_SPACE = slice(16, 20)
"""Where a profile names its colour space."""

_PEAK_8 = 0xFF
_WRITTEN_AT = slice(24, 36)
_WHITE = (255, 255, 255)
_LATTICE_STEPS = 17


def to_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return a decoded picture's colours as mode RGB in sRGB, and its alpha as mode L where it has any.

    The ICC profile is followed; one that is broken or of another colour space is left aside. Colours are
    straight (not multiplied by alpha), and white where alpha is 0: what an editor left there is not to be
    seen. More than 8 bits are scaled and rounded to 8.
    """
    colours, alpha = _split_alpha(image)
    rgb = _through_profile(colours, image.info.get("icc_profile"))
    # Saving a picture writes what its info holds: the old profile among it.
    rgb.info.clear()
    if alpha is not None:
        alpha.info.clear()
        invisible = alpha.point([_PEAK_8] + [0] * _PEAK_8)
        rgb.paste(_WHITE, (0, 0), invisible)
    return rgb, alpha


def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB, the same bytes each time."""
    profile = bytearray(_built_in("sRGB").tobytes())
    profile[_WRITTEN_AT] = bytes((7, 206, 0, 2, 0, 9, 0, 0, 0, 0, 0, 0))  # 1998-02-09
    return bytes(profile)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours in mode L, RGB, CMYK or LAB, and the alpha channel."""
    if image.mode.startswith("I") or image.mode == "F":
        # numpy takes longer to import than all else here: only where it is used.
        from qie_desktop.imaging.deep_grey import grey_8  # noqa: PLC0415

        return grey_8(image)
    if image.mode in {"LAB", "CMYK"}:
        return image, None
    grey = image.mode in {"1", "L", "LA", "La"}
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return rgba.convert("L" if grey else "RGB"), alpha_of(rgba)
    return image.convert("L" if grey else "RGB"), None


def _through_profile(colours: Image.Image, icc: object) -> Image.Image:
    """Return `colours` in sRGB, mode RGB, by their profile or, without one, by custom."""
    try:
        if colours.mode == "LAB":
            source, mode = _built_in("LAB"), "LAB"
        elif isinstance(icc, bytes) and icc:
            source, mode = ImageCms.ImageCmsProfile(io.BytesIO(icc)), _MODE_OF_SPACE.get(icc[_SPACE])
        else:
            return colours.convert("RGB")
        if mode == "RGB" and colours.mode == "L":
            colours = colours.convert("RGB")
        if mode is None or mode != colours.mode:
            return colours.convert("RGB")
        transform = ImageCms.buildTransform(source, _built_in("sRGB"), mode, "RGB")
        if mode == "RGB" and _changes_nothing(transform):
            return colours
        return ImageCms.applyTransform(colours, transform) or colours.convert("RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return colours.convert("RGB")


def _built_in(space: Literal["sRGB", "LAB"]) -> ImageCms.ImageCmsProfile:
    profile = ImageCms.createProfile(space)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # Pillow leaves the result untyped
    return ImageCms.ImageCmsProfile(profile)  # pyright: ignore[reportUnknownArgumentType]  # the same


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour moves by more than a rounding: then the profile is sRGB, and pixels can stay."""
    import numpy as np  # noqa: PLC0415 - as above

    steps = np.linspace(0, _PEAK_8, _LATTICE_STEPS).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(_LATTICE_STEPS, -1, 3)
    moved = ImageCms.applyTransform(Image.fromarray(lattice), transform)
    return moved is not None and int(np.abs(np.asarray(moved).astype(int) - lattice).max()) <= 1
