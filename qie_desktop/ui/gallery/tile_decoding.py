"""From a picture's file to a tile: square, with round corners, exactly as large as it is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QImage, QImageReader, QPainter

from qie_desktop.imaging.fitting import with_alpha
from qie_desktop.imaging.opening import open_reduced

if TYPE_CHECKING:
    from pathlib import Path

_MOST_CROPPED = 2.0
"""A picture more elongated than this is shown in whole, with room above and below."""


def decode_tile(path: Path, side_px: int, radius_px: float) -> QImage:
    """Return the picture of a file as a tile of `side_px` device pixels. For any thread.

    It fills the tile, cropped about its middle, unless it is very wide or tall. Raises InputImageError for a
    file that is no picture.
    """
    picture = decode_scaled(path, side_px, fill=True)
    tile = QImage(side_px, side_px, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    left, top = (side_px - picture.width()) / 2, (side_px - picture.height()) / 2
    brush = QBrush(picture)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.translate(left, top)
    painter.setBrush(brush)
    whole = QRectF(-left, -top, side_px, side_px)
    shown = whole.intersected(QRectF(0, 0, picture.width(), picture.height()))
    painter.drawRoundedRect(shown, radius_px, radius_px)
    painter.end()
    return tile


def decode_scaled(path: Path, side_px: int, *, fill: bool = False) -> QImage:
    """Return a picture upright, scaled into a square of `side_px`, or so that it fills one. For any thread.

    Raises InputImageError for a file that is no picture.
    """
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(_scaled(size, side_px, fill=fill))
        image = reader.read()
        if not image.isNull():
            return image
    return _decoded_by_pillow(path, side_px, fill=fill)


def _scaled(size: QSize, side_px: int, *, fill: bool) -> QSize:
    shorter, longer = sorted((size.width(), size.height()))
    scale = side_px / (shorter if fill and longer <= shorter * _MOST_CROPPED else longer)
    return QSize(max(1, round(size.width() * scale)), max(1, round(size.height() * scale)))


def _decoded_by_pillow(path: Path, side_px: int, *, fill: bool) -> QImage:
    """Decode what Qt cannot, such as HEIC, or raise with what is wrong with it."""
    picture = open_reduced(path, side_px * 2)
    pixels = with_alpha(picture.rgb, picture.alpha)
    size = _scaled(QSize(*pixels.size), side_px, fill=fill)
    pixels = pixels.convert("RGBA").resize((size.width(), size.height()))
    data = pixels.tobytes()
    image = QImage(data, pixels.width, pixels.height, pixels.width * 4, QImage.Format.Format_RGBA8888)
    return image.copy()
