"""What was dropped or pasted: the things in a QMimeData, of which nothing is read or fetched here."""

from __future__ import annotations

import base64
import binascii
import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from PySide6.QtGui import QImage

from qie_desktop.core.errors import InputImageError

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData, QUrl

OUTPUT_MIME = "application/x-qie-output"
"""What the gallery adds when it drags an output; the file itself comes as a URL beside it."""

SLOT_MIME = "application/x-qie-slot"
"""The number of the slot that is being dragged, as text."""

_WEB = frozenset({"http", "https"})
_ENCODED = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "image/avif": ".avif",
    "image/tiff": ".tiff",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
}
_IMG = re.compile(r"""<img\b[^>]*?\bsrc\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_WEB_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_DATA_URL = re.compile(r"data:(image/[\w.+-]+)?([^,]*),", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file or a folder on this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class DroppedUrl:
    """An http(s) address."""

    url: str


@dataclass(frozen=True, slots=True)
class DroppedBytes:
    """A picture as a file's bytes, with the suffix that such a file has."""

    data: bytes
    suffix: str


@dataclass(frozen=True, slots=True)
class DroppedPixels:
    """A decoded picture, as from a screenshot on the clipboard."""

    image: QImage


@dataclass(frozen=True, slots=True)
class DroppedRefusal:
    """Something that cannot be used, and why."""

    error: InputImageError


Dropped = DroppedFile | DroppedUrl | DroppedBytes | DroppedPixels | DroppedRefusal


def may_hold_pictures(mime: QMimeData) -> bool:
    """Whether it is worth looking at; whatever turns out to be no picture is refused with a reason."""
    return mime.hasUrls() or mime.hasImage() or mime.hasText() or mime.hasHtml() or bool(_encoded(mime))


def holds_pictures(mime: QMimeData) -> bool:
    """Whether this is pictures rather than text: files, image data, or image data with an address."""
    if mime.hasUrls():
        return any(url.isLocalFile() for url in mime.urls()) or mime.hasImage()
    return mime.hasImage() or bool(_encoded(mime))


def read_mime(mime: QMimeData) -> list[Dropped]:
    """Return the things in it, in their order; none where there is nothing like a picture. GUI thread.

    Files come before image data, which needs no network, and that before addresses; of HTML, the picture's
    own address comes before that of what it links to.
    """
    urls = mime.urls() if mime.hasUrls() else []
    if any(url.isLocalFile() for url in urls):
        return [_from_url(url) for url in urls]
    pixels = _image_data(mime)
    if pixels is not None:
        return [pixels]
    shown = _IMG.findall(mime.html()) if mime.hasHtml() else []
    if len(shown) == 1:
        found = _from_address(html.unescape(shown[0]))
        if not isinstance(found, DroppedRefusal):
            return [found]
    if urls:
        return [_from_url(url) for url in urls]
    text = mime.text().strip() if mime.hasText() else ""
    return [_from_address(text)] if _WEB_ADDRESS.fullmatch(text) or _DATA_URL.match(text) else []


def _encoded(mime: QMimeData) -> str | None:
    return next((name for name in _ENCODED if mime.hasFormat(name)), None)


def _image_data(mime: QMimeData) -> Dropped | None:
    name = _encoded(mime)
    if name is not None:
        data = bytes(mime.data(name).data())
        if data:
            return DroppedBytes(data, _ENCODED[name])
    if mime.hasImage():
        image: object = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            return DroppedPixels(image)
    return None


def _from_url(url: QUrl) -> Dropped:
    if url.isLocalFile():
        return DroppedFile(Path(url.toLocalFile()))
    return _from_address(url.toString(url.ComponentFormattingOption.FullyEncoded))


def _from_address(address: str) -> Dropped:
    scheme = address.partition(":")[0].lower()
    if scheme in _WEB:
        return DroppedUrl(address)
    if match := _DATA_URL.match(address):
        return _from_data_url(address[match.end() :], match[1] or "", match[2])
    return DroppedRefusal(
        InputImageError(
            "images",
            f"A picture cannot be taken from a “{scheme or 'bare'}” address.",
            "Save the picture first, and drop the file.",
        )
    )


def _from_data_url(body: str, media_type: str, options: str) -> Dropped:
    try:
        raw = unquote_to_bytes(body)
        data = base64.b64decode(raw) if "base64" in options.lower() else raw
    except (binascii.Error, ValueError):
        data = b""
    return DroppedBytes(data, _ENCODED.get(media_type.lower(), ".png"))
