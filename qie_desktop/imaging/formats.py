"""The picture formats that are read here: how each is told from its first bytes, and what reads it.

Pillow's reader classes are called straight, not through `Image.open`: that one checks the pixel count
against a global of Pillow's and warns, where this program has a limit of its own and leaves the global alone,
whatever other threads do. It also means that no plugin need be registered, and that a file with the right
first bytes that cannot be read is known to be damaged rather than of an unknown kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import ImageFile

HEAD_BYTES = 64
"""How many of a file's first bytes tell its format."""

MAX_PIXELS = 2 * 8000 * 8000
"""The most pixels that are decoded: two of the largest pictures side by side."""

_TIFF_MAX_PIXELS = 2**28 // 3
"""Pillow warns about more than this (its default limit) while it decodes a TIFF."""

_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_BMP_HEADER_BYTES = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A format. `name` is Pillow's.

    `recognises` takes the first `HEAD_BYTES` of a file. `read` takes an open file and reads its header.
    `rotates_itself`: the reader turns the picture upright, and gives its size so. `sendable`: providers read
    it.
    """

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[IO[bytes]], ImageFile.ImageFile]
    rotates_itself: bool = False
    sendable: bool = False
    max_pixels: int = MAX_PIXELS


def format_of(head: bytes) -> PictureFormat | None:
    """Return the format that a file with these first bytes has, or None when it is not one that is read."""
    return next((each for each in FORMATS if each.recognises(head)), None)


def _brands(head: bytes) -> set[bytes]:
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4]), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}


def _is_avif(head: bytes) -> bool:
    return not _brands(head).isdisjoint((b"avif", b"avis"))


def _is_heif(head: bytes) -> bool:
    return bool(_brands(head)) and head[8:12] in _HEIF_BRANDS and not _is_avif(head)


def _is_bmp(head: bytes) -> bool:
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES


def _read_heif(file: IO[bytes]) -> ImageFile.ImageFile:
    # libheif is loaded when the first such picture is met.
    from pillow_heif import HeifImageFile  # noqa: PLC0415

    return HeifImageFile(file, "")


FORMATS: tuple[PictureFormat, ...] = (
    # The plain JPEG reader: a JPEG with more pictures behind the first (MPO, from phones) is that first one.
    PictureFormat(
        "JPEG", lambda head: head.startswith(b"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile, sendable=True
    ),
    PictureFormat(
        "PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile, sendable=True
    ),
    PictureFormat(
        "WEBP",
        lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP",
        WebPImagePlugin.WebPImageFile,
        sendable=True,
    ),
    PictureFormat("AVIF", _is_avif, AvifImagePlugin.AvifImageFile),
    PictureFormat("HEIF", _is_heif, _read_heif, rotates_itself=True),
    PictureFormat(
        "TIFF",
        lambda head: head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
        TiffImagePlugin.TiffImageFile,
        rotates_itself=True,
        max_pixels=_TIFF_MAX_PIXELS,
    ),
    PictureFormat("GIF", lambda head: head.startswith((b"GIF87a", b"GIF89a")), GifImagePlugin.GifImageFile),
    PictureFormat("BMP", _is_bmp, BmpImagePlugin.BmpImageFile),
)
"""Every format that is read, in the order in which it is tried."""
