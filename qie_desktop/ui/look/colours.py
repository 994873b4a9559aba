"""The colours of the window, all derived from the palette, and so from the theme and the accent colour."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

from PySide6.QtGui import QColor, QGuiApplication, QPalette

from qie_desktop.ui.look.contrast import READABLE, contrast, luminance, mixed, readable

_WHITE = QColor(255, 255, 255)
_BLACK = QColor(0, 0, 0)
_BRIGHT_ACCENT = 0.4
"""The luminance from which black reads better on an accent colour than white does on it darkened: yellow."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours that widgets may paint with. Text colours are readable on window, surface and field."""

    window: QColor
    surface: QColor
    """A panel's background."""
    field: QColor
    """What is typed into, and what lists lie on."""
    button: QColor
    """The face of a button that is not the primary one."""
    text: QColor
    muted: QColor
    """Secondary text."""
    border: QColor
    accent: QColor
    """The system's accent colour, dark enough for `on_accent` to be read on it."""
    accent_text: QColor
    """The accent colour for text, glyphs and fine lines."""
    on_accent: QColor
    danger: QColor
    warning: QColor
    success: QColor
    overlay: QColor
    """Laid over a picture, so that `on_overlay` can be read there; not opaque."""
    on_overlay: QColor

    @classmethod
    def of(cls, palette: QPalette) -> Colours:
        """Return the colours of a palette; a widget asks with its own when it paints."""
        window = _opaque(_ground(palette, QPalette.ColorRole.Window), _WHITE)
        field = _opaque(_ground(palette, QPalette.ColorRole.Base), window)
        text = _opaque(palette.color(QPalette.ColorRole.WindowText), window)
        accent = palette.color(QPalette.ColorRole.Accent)
        known = _derived(window.rgb(), field.rgb(), text.rgb(), accent.rgb())
        # A QColor can be changed in place, so everybody gets their own.
        return cls(**{each.name: QColor(getattr(known, each.name)) for each in fields(known)})

    @property
    def is_dark(self) -> bool:
        """Whether the theme is a dark one."""
        return luminance(self.window) < luminance(self.text)


@lru_cache(maxsize=32)
def _derived(window_rgb: int, field_rgb: int, text_rgb: int, accent_rgb: int) -> Colours:
    """Return all colours; cached, since every paint of every widget asks for them."""
    window, field = QColor(window_rgb), QColor(field_rgb)
    dark = luminance(window) < luminance(QColor(text_rgb))
    surface = mixed(window, _WHITE, 0.04) if dark else mixed(window, field, 0.55)
    grounds = (window, surface, field)
    text = readable(QColor(text_rgb), grounds, _WHITE if dark else _BLACK, READABLE + 2)
    accent, on_accent = _accent(QColor(accent_rgb))
    return Colours(
        window=window,
        surface=surface,
        field=field,
        button=mixed(window, text, 0.1) if dark else field,
        text=text,
        muted=readable(mixed(text, window, 0.45), grounds, text),
        border=mixed(window, text, 0.2 if dark else 0.16),
        accent=accent,
        accent_text=readable(QColor(accent_rgb), grounds, text),
        on_accent=on_accent,
        danger=readable(QColor("#ff5f57") if dark else QColor("#d70015"), grounds, text),
        warning=readable(QColor("#ffb340") if dark else QColor("#a05a00"), grounds, text),
        success=readable(QColor("#32d74b") if dark else QColor("#1f7a34"), grounds, text),
        overlay=QColor(0, 0, 0, 178),
        on_overlay=QColor(_WHITE),
    )


def _ground(palette: QPalette, role: QPalette.ColorRole) -> QColor:
    """Return a background: the application's where a style sheet has made the widget's own transparent."""
    colour = palette.color(role)
    return colour if colour.alpha() else QGuiApplication.palette().color(role)


def _accent(accent: QColor) -> tuple[QColor, QColor]:
    if luminance(accent) > _BRIGHT_ACCENT:
        return QColor(accent), readable(mixed(_BLACK, accent, 0.1), (accent,), _BLACK)
    moved = QColor(accent)
    while contrast(moved, _WHITE) < READABLE:
        moved = mixed(moved, _BLACK, 0.03)
    return moved, QColor(_WHITE)


def _opaque(colour: QColor, below: QColor) -> QColor:
    """Return what a colour with alpha, as macOS gives some of its own, looks like over another one."""
    return mixed(below, colour, colour.alphaF())
