"""Opening pictures: what a file holds, and its pixels upright and in sRGB; every way it can fail is named."""

from __future__ import annotations

import stat
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from PIL import Image

from qie_desktop.core.errors import ImageDamaged, ImageEmpty, ImageMissing, ImageNotRecognised, ImageTooLarge
from qie_desktop.core.geometry import Size
from qie_desktop.imaging.colour import to_srgb
from qie_desktop.imaging.formats import HEAD_BYTES, MAX_PIXELS, PictureFormat, format_of
from qie_desktop.imaging.orientation import UPRIGHT, orientation_of, turned_upright, upright_size

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from PIL import ImageFile

_FIELD = "images"

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    UserWarning,
)
"""What the readers of Pillow and pillow-heif raise over bytes that make no sense.

They are caught only around the readers themselves. UserWarning is among them for where warnings are errors:
some readers warn of damage before they fail over it.
"""

_PNG_DEPTH_AT = 24
_MAX_SENDABLE_BITS = 8
_SENDABLE_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What a file's header tells: the upright size, Pillow's name of the format, the file's bytes.

    `sendable`: a provider reads the very bytes as they are meant: an upright, still JPEG, PNG or WebP of at
    most 8 bits a channel, not CMYK.
    """

    size: Size
    format: str
    byte_count: int
    sendable: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, upright: `rgb` is mode RGB in sRGB; `alpha` is mode L, where the file has alpha.

    `rgb` is straight, and white where alpha is 0. Both are as large as `info.size` but for reduced pictures.
    """

    rgb: Image.Image
    alpha: Image.Image | None
    info: PictureInfo


@dataclass(frozen=True, slots=True)
class _Header:
    """A picture of which only the header has been read."""

    image: ImageFile.ImageFile
    orientation: int
    info: PictureInfo


def probe(path: Path) -> PictureInfo:
    """Return what the header of a picture file tells; no pixel is decoded, so damage further on is not seen.

    Raises ImageMissing, ImageEmpty, ImageNotRecognised, ImageDamaged or ImageTooLarge, naming the file.
    """
    with _header(path) as header:
        return header.info


@contextmanager
def header_image(path: Path) -> Generator[ImageFile.ImageFile]:
    """Give the picture of a file with its header read and its metadata in `info`; errors as for `probe`."""
    with _header(path) as header:
        yield header.image


def open_picture(path: Path) -> Picture:
    """Return the picture in a file: upright, in sRGB, 8 bits a channel; of an animation, the first frame.

    Every pixel is decoded: a truncated or corrupt file raises ImageDamaged, others as for `probe`.
    """
    with _header(path) as header:
        _decode(path, header.image)
        # libheif knows the size for certain only now.
        size = Size(*upright_size(header.image.size, header.orientation))
        return _finished(replace(header, info=replace(header.info, size=size)))


def open_reduced(path: Path, side_px: int) -> Picture:
    """Return a picture for looking at small, its longer side `side_px` or more (or all there is), sooner.

    JPEG is decoded at a fraction of its size. `info.size` is still the file's. Errors as for `open_picture`.
    """
    with _header(path) as header:
        try:
            header.image.draft(None, (side_px, side_px))
        except _DAMAGE as error:
            raise _damaged(path) from error
        _decode(path, header.image)
        factor = max(1, max(header.image.size) // side_px)
        if factor == 1 or header.image.mode not in {"L", "RGB", "CMYK"} or header.image.has_transparency_data:
            return _finished(header)
        return _finished(header, header.image.reduce(factor))


def _finished(header: _Header, image: Image.Image | None = None) -> Picture:
    rgb, alpha = to_srgb(image or header.image)
    return Picture(
        turned_upright(rgb, header.orientation),
        None if alpha is None else turned_upright(alpha, header.orientation),
        header.info,
    )


def _decode(path: Path, image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except _DAMAGE as error:
        raise _damaged(path) from error


@contextmanager
def _header(path: Path) -> Generator[_Header]:
    byte_count = _byte_count(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unopenable(path, error) from error
    with file:
        try:
            head = file.read(HEAD_BYTES)
        except OSError as error:
            raise _unopenable(path, error) from error
        kind = format_of(head)
        if kind is None:
            raise ImageNotRecognised(
                _FIELD,
                f"{path.name} is not a picture that can be read, whatever its name says.",
                "Use a JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP file.",
            )
        image = _read_header(path, file, kind)
        if image.width * image.height > kind.max_pixels:
            image.close()
            raise _too_large(path, image.size, kind.max_pixels)
        orientation = UPRIGHT if kind.rotates_itself else orientation_of(image, file)
        size = Size(*upright_size(image.size, orientation))
        sendable = kind.sendable and orientation == UPRIGHT and _is_plain(image, head)
        yield _Header(image, orientation, PictureInfo(size, kind.name, byte_count, sendable))


def _read_header(path: Path, file: IO[bytes], kind: PictureFormat) -> ImageFile.ImageFile:
    file.seek(0)
    try:
        return kind.read(file)
    except Image.DecompressionBombError as error:
        raise _too_large(path, None, kind.max_pixels) from error
    except _DAMAGE as error:
        raise _damaged(path) from error


def _is_plain(image: ImageFile.ImageFile, head: bytes) -> bool:
    if image.mode not in _SENDABLE_MODES or getattr(image, "is_animated", False):
        return False
    return image.format != "PNG" or head[_PNG_DEPTH_AT] <= _MAX_SENDABLE_BITS


def _byte_count(path: Path) -> int:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageMissing(
            _FIELD, f"There is no file {path.name}.", "Check its name and its folder."
        ) from error
    except (OSError, ValueError) as error:
        raise _unopenable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageMissing(_FIELD, f"{path.name} is not a file.", "Choose a picture file.")
    if status.st_size == 0:
        raise ImageEmpty(
            _FIELD, f"{path.name} is empty: it has 0 bytes.", "Copy or download it again, or choose another."
        )
    return status.st_size


def _unopenable(path: Path, error: Exception) -> ImageMissing:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ImageMissing(
        _FIELD, f"{path.name} cannot be opened: {reason}.", "Check that the file is there and may be read."
    )


def _damaged(path: Path) -> ImageDamaged:
    return ImageDamaged(
        _FIELD,
        f"{path.name} is damaged: it is cut short, or holds what cannot be decoded.",
        "Copy or download it again, or save it anew as PNG from another program.",
    )


def _too_large(path: Path, size: tuple[int, int] | None, limit_px: int) -> ImageTooLarge:
    has = f"{path.name} is {Size(*size)} px" if size else f"{path.name} has too many pixels"
    return ImageTooLarge(
        _FIELD,
        f"{has}; at most {limit_px // 10**6} megapixels can be opened.",
        "Scale a copy of it down first.",
    )


__all__ = ["MAX_PIXELS", "Picture", "PictureInfo", "header_image", "open_picture", "open_reduced", "probe"]
