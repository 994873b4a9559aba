"""Contrast between two colours, as WCAG 2.2 defines it, and colours moved until they are readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QColor

if TYPE_CHECKING:
    from collections.abc import Iterable

READABLE = 4.5
"""The least contrast of text (WCAG 2.2, success criterion 1.4.3)."""

_STEPS = 20


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast ratio of two opaque colours, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: QColor) -> float:
    """Return the relative luminance, from 0 for black to 1 for white."""
    red, green, blue = (_linear(part) for part in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """Return `one` with a share, from 0 to 1, of `other` in it; opaque."""
    return QColor.fromRgbF(
        one.redF() + (other.redF() - one.redF()) * share,
        one.greenF() + (other.greenF() - one.greenF()) * share,
        one.blueF() + (other.blueF() - one.blueF()) * share,
    )


def readable(
    colour: QColor, backgrounds: Iterable[QColor], towards: QColor, least: float = READABLE
) -> QColor:
    """Return the colour, moved towards another one as far as it takes to be read on all the backgrounds."""
    grounds = list(backgrounds)
    moved = colour
    for step in range(_STEPS + 1):
        moved = mixed(colour, towards, step / _STEPS)
        if all(contrast(moved, ground) >= least for ground in grounds):
            break
    return moved


def _linear(part: float) -> float:
    knee = 0.04045
    return part / 12.92 if part <= knee else ((part + 0.055) / 1.055) ** 2.4
