"""Distances, radii and type sizes: the few numbers that every part of the window shares."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

_SMALL = 0.85
_TITLE = 1.25
_HEADLINE = 1.7


class Spacing:
    """Distances in device-independent pixels."""

    xs: Final = 4
    s: Final = 8
    m: Final = 12
    l: Final = 16  # noqa: E741 - the scale is xs, s, m, l, xl
    xl: Final = 24


class Radius:
    """Corner radii in device-independent pixels: small for fields and buttons, medium for cells."""

    small: Final = 6
    medium: Final = 10


class TextSize:
    """Fonts relative to the application's own, or to the one given."""

    @staticmethod
    def small(font: QFont | None = None) -> QFont:
        """Return the font of secondary text: captions, hints, estimates."""
        return _scaled(font, _SMALL)

    @staticmethod
    def body(font: QFont | None = None) -> QFont:
        """Return the font of ordinary text."""
        return _scaled(font, 1.0)

    @staticmethod
    def title(font: QFont | None = None) -> QFont:
        """Return the font of a title inside a panel or a sheet: larger and semi-bold."""
        return _scaled(font, _TITLE, QFont.Weight.DemiBold)

    @staticmethod
    def headline(font: QFont | None = None) -> QFont:
        """Return the font of the one headline of a sheet."""
        return _scaled(font, _HEADLINE, QFont.Weight.DemiBold)


def _scaled(font: QFont | None, factor: float, weight: QFont.Weight | None = None) -> QFont:
    scaled = QFont(QApplication.font() if font is None else font)
    # A font has its size in points or in pixels; the other one is -1.
    if scaled.pointSizeF() > 0:
        scaled.setPointSizeF(scaled.pointSizeF() * factor)
    else:
        scaled.setPixelSize(round(scaled.pixelSize() * factor))
    if weight is not None:
        scaled.setWeight(weight)
    return scaled
