"""Alpha channels taken out and put in strip by strip.

Pillow holds the interpreter lock while it copies a channel: of a picture of 50 megapixels for 40 ms, in which
the window stands still. A strip takes a millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRIP_BYTES = 1 << 21
_BYTES_PER_PIXEL = 4

Box4 = tuple[int, int, int, int]


def strips(size: tuple[int, int]) -> Iterator[Box4]:
    """Yield boxes of full width, from top to bottom, that together are a picture of this size."""
    width, height = size
    rows = max(1, _STRIP_BYTES // (width * _BYTES_PER_PIXEL))
    for top in range(0, height, rows):
        yield 0, top, width, min(height, top + rows)


def alpha_of(image: Image.Image) -> Image.Image:
    """Return the alpha channel of a picture of mode RGBA, as mode L."""
    alpha = Image.new("L", image.size)
    for box in strips(image.size):
        alpha.paste(image.crop(box).getchannel("A"), box)
    return alpha


def merged(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return a picture of mode RGB with an alpha channel of mode L, as RGBA. ValueError if sizes differ."""
    if rgb.size != alpha.size:
        raise ValueError(f"the sizes differ: the picture is {rgb.size}, its alpha channel {alpha.size}")
    made = Image.new("RGBA", rgb.size)
    for box in strips(rgb.size):
        strip = rgb.crop(box)
        strip.putalpha(alpha.crop(box))
        made.paste(strip, box)
    return made
