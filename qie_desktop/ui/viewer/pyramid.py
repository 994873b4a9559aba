"""A picture at several sizes, so that one of any size is painted within a frame of the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from qie_desktop.core.geometry import Size
from qie_desktop.imaging.strips import strips

if TYPE_CHECKING:
    from qie_desktop.imaging.opening import Picture
    from qie_desktop.ui.viewer.view import Placed

_SMALLEST_PX = 512
"""Levels are halved down to this side: below, painting is quick from any."""

_BYTES_PER_PIXEL = 4
_SQUARES_FROM = 4.0
"""From this enlargement the picture's own pixels are shown as squares; below they are interpolated."""


@dataclass(frozen=True, slots=True)
class Level:
    """The picture at one size: `scale` of its pixels to one of the picture's."""

    image: QImage
    scale: float


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Pyramid:
    """A picture of `size` at several levels, the finest first; `is_whole`: that one is the picture itself."""

    size: Size
    levels: tuple[Level, ...]
    is_whole: bool = True

    @property
    def has_alpha(self) -> bool:
        """Whether what is behind the picture can be seen through it."""
        return self.levels[0].image.hasAlphaChannel()

    @property
    def byte_count(self) -> int:
        """The memory that it takes."""
        return sum(level.image.sizeInBytes() for level in self.levels)

    def paint(self, painter: QPainter, rect: Placed, seen: Placed, ratio: float) -> None:
        """Paint the part of the picture in `rect` that lies in `seen`; both are device pixels.

        `ratio` is the number of device pixels to a pixel of the painter's.
        """
        part = rect.within(seen)
        if not (part.width and part.height):
            return
        level = self._level_for(rect.width / self.size.width)
        across = rect.width / (self.size.width * level.scale)
        down = rect.height / (self.size.height * level.scale)
        # Whole pixels of the level, and one more all around for the interpolation at the edges.
        left = max(0, math.floor((part.left - rect.left) / across) - 1)
        top = max(0, math.floor((part.top - rect.top) / down) - 1)
        right = min(level.image.width(), math.ceil((part.right - rect.left) / across) + 1)
        bottom = min(level.image.height(), math.ceil((part.bottom - rect.top) / down) + 1)
        source = QRectF(left, top, right - left, bottom - top)
        target = QRectF(
            (rect.left + left * across) / ratio,
            (rect.top + top * down) / ratio,
            source.width() * across / ratio,
            source.height() * down / ratio,
        )
        own = self.is_whole and level is self.levels[0]
        exact = own and (across == down == 1.0 or min(across, down) >= _SQUARES_FROM)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not exact)
        painter.drawImage(target, level.image, source)

    def _level_for(self, scale: float) -> Level:
        """Return the coarsest level that has all the detail which can be seen at this scale."""
        return next((level for level in reversed(self.levels) if level.scale >= scale), self.levels[0])


def build_pyramid(picture: Picture, size: Size | None = None) -> Pyramid:
    """Return the levels of a decoded picture. Any thread; a large one takes a while.

    `size` is the picture's own where this is a reduced copy of it, to be shown until the whole one is there.
    """
    base = picture.rgb if picture.alpha is None else _premultiplied(picture.rgb, picture.alpha)
    is_whole = size is None
    size = size or Size(*base.size)
    scale = base.width / size.width
    levels = [Level(to_qimage(base), scale)]
    while max(base.size) > _SMALLEST_PX:
        base = base.reduce(2)
        scale /= 2
        levels.append(Level(to_qimage(base), scale))
    return Pyramid(size, tuple(levels), is_whole)


def forming_pyramid(image: QImage, size: Size) -> Pyramid:
    """Return a forming picture, to be shown as large as the result will be, and smoothly."""
    return Pyramid(size, (Level(image, image.width() / size.width),), is_whole=False)


def to_qimage(image: Image.Image) -> QImage:
    """Return a picture of mode RGB or RGBa (multiplied by alpha) as Qt paints it fastest. Any thread.

    It is copied strip by strip, so that no other thread waits for long.
    """
    opaque = image.mode == "RGB"
    width, height = image.size
    made = QImage(
        width, height, QImage.Format.Format_RGB32 if opaque else QImage.Format.Format_ARGB32_Premultiplied
    )
    if made.isNull():
        raise MemoryError(f"no memory for a picture of {width}×{height}")
    pixels = memoryview(made.bits()).cast("B")
    stride = width * _BYTES_PER_PIXEL
    for box in strips(image.size):
        _, top, _, bottom = box
        strip = image.crop(box).tobytes("raw", "BGRX" if opaque else "BGRa")
        pixels[top * stride : bottom * stride] = strip
    return made


def _premultiplied(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    made = Image.new("RGBa", rgb.size)
    for box in strips(rgb.size):
        strip = rgb.crop(box)
        strip.putalpha(alpha.crop(box))
        made.paste(strip.convert("RGBa"), box)
    return made
