"""Inputs on their way out: the person's own bytes where the provider reads them, else an upright PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from qie_desktop.core.errors import StorageError
from qie_desktop.imaging.opening import open_picture, probe

if TYPE_CHECKING:
    from pathlib import Path

INLINE_BYTES = 256_000
"""Up to here a picture travels within the request; beyond, it is uploaded first."""

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


@dataclass(frozen=True, slots=True)
class PictureOut:
    """A picture as it is sent; the name says nothing of where it came from."""

    name: str
    media_type: str
    data: bytes

    @property
    def is_small(self) -> bool:
        """Whether it may travel within the request."""
        return len(self.data) <= INLINE_BYTES

    def data_uri(self) -> str:
        """Return the picture as a `data:` URI."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def picture_out(path: Path, index: int, formats: tuple[str, ...]) -> PictureOut:
    """Return the input number `index` as the provider gets it: untouched, if it is of one of these formats.

    Anything else (HEIC, TIFF, turned by EXIF, CMYK, more than 8 bits) becomes a lossless PNG of the upright
    picture in sRGB, of the same size. Takes as long as writing a PNG does. Raises InputImageError or
    StorageError.
    """
    info = probe(path)
    if info.sendable and info.format in formats:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}.", "See who owns it.") from error
        return PictureOut(f"input_{index + 1}{_SUFFIXES[info.format]}", _MEDIA_TYPES[info.format], data)
    picture = open_picture(path)
    image = picture.rgb
    if picture.alpha is not None:
        image = Image.merge("RGBA", (*picture.rgb.split(), picture.alpha))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return PictureOut(f"input_{index + 1}.png", _MEDIA_TYPES["PNG"], buffer.getvalue())
