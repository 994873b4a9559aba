"""Which way up a picture is: the EXIF orientation, and turning pixels by it."""

from __future__ import annotations

import struct
import zlib
from typing import IO, TYPE_CHECKING

from PIL import ExifTags, Image

if TYPE_CHECKING:
    from PIL import ImageFile

UPRIGHT = 1

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)

_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK_FRAME_BYTES = 8
_PNG_CRC_BYTES = 4
_MAX_EXIF_BYTES = 1 << 20

UNREADABLE_EXIF = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    UserWarning,
)
"""What Pillow raises over EXIF that makes no sense (a warning where warnings are errors)."""


def orientation_of(image: ImageFile.ImageFile, file: IO[bytes]) -> int:
    """Return the EXIF orientation, 1–8, of a picture whose header has been read; 1 where it is damaged.

    Decodes no pixels. `file` is what `image` was read from; it is left where it stood.
    """
    try:
        if image.format == "PNG" and "exif" not in image.info:
            # The chunk may also come after the pixels; PngImageFile.getexif would decode all of them to see.
            exif = _late_png_exif(file)
            if exif is not None:
                image.info["exif"] = exif
        found: object = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except UNREADABLE_EXIF:
        return UPRIGHT
    return found if isinstance(found, int) and found in _TURNS else UPRIGHT


def _late_png_exif(file: IO[bytes]) -> bytes | None:
    stood_at = file.tell()
    try:
        file.seek(_PNG_SIGNATURE_BYTES)
        while len(frame := file.read(_PNG_CHUNK_FRAME_BYTES)) == _PNG_CHUNK_FRAME_BYTES:
            length = int.from_bytes(frame[:4])
            if frame[4:] == b"eXIf" and length <= _MAX_EXIF_BYTES:
                return b"Exif\0\0" + file.read(length)
            file.seek(length + _PNG_CRC_BYTES, 1)
    finally:
        file.seek(stood_at)
    return None


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the width and height in pixels that a picture of `size` has once it is upright."""
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return `image` turned by its EXIF orientation, 1–8; the same object where there is nothing to turn."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
