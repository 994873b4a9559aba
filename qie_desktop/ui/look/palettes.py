"""Palettes for Fusion that look as macOS does. On macOS itself the system's own palette is used."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

_Role = QPalette.ColorRole

_LIGHT: dict[QPalette.ColorRole, str] = {
    _Role.Window: "#f0f0f1",
    _Role.WindowText: "#1d1d1f",
    _Role.Base: "#ffffff",
    _Role.AlternateBase: "#f6f6f7",
    _Role.Text: "#1d1d1f",
    _Role.Button: "#ffffff",
    _Role.ButtonText: "#1d1d1f",
    _Role.BrightText: "#ffffff",
    _Role.ToolTipBase: "#ffffff",
    _Role.ToolTipText: "#1d1d1f",
    _Role.PlaceholderText: "#717176",
    _Role.Highlight: "#0a64d6",
    _Role.HighlightedText: "#ffffff",
    _Role.Accent: "#0a64d6",
    _Role.Link: "#0a5bc4",
    _Role.LinkVisited: "#6e4bb8",
    _Role.Light: "#ffffff",
    _Role.Midlight: "#e6e6e8",
    _Role.Mid: "#c8c8cc",
    _Role.Dark: "#a8a8ae",
    _Role.Shadow: "#6e6e73",
}

_DARK: dict[QPalette.ColorRole, str] = {
    _Role.Window: "#262628",
    _Role.WindowText: "#f2f2f4",
    _Role.Base: "#1c1c1e",
    _Role.AlternateBase: "#222224",
    _Role.Text: "#f2f2f4",
    _Role.Button: "#3b3b3e",
    _Role.ButtonText: "#f2f2f4",
    _Role.BrightText: "#ffffff",
    _Role.ToolTipBase: "#323235",
    _Role.ToolTipText: "#f2f2f4",
    _Role.PlaceholderText: "#8e8e93",
    _Role.Highlight: "#1a6fe0",
    _Role.HighlightedText: "#ffffff",
    _Role.Accent: "#1a6fe0",
    _Role.Link: "#6cb0ff",
    _Role.LinkVisited: "#b89cff",
    _Role.Light: "#4a4a4e",
    _Role.Midlight: "#414145",
    _Role.Mid: "#38383b",
    _Role.Dark: "#141415",
    _Role.Shadow: "#000000",
}

_FAINT = 0.4
_TEXT_ROLES = (_Role.WindowText, _Role.Text, _Role.ButtonText)


def light_palette() -> QPalette:
    """Return the light palette."""
    return _palette(_LIGHT)


def dark_palette() -> QPalette:
    """Return the dark palette."""
    return _palette(_DARK)


def _palette(colours: dict[QPalette.ColorRole, str]) -> QPalette:
    palette = QPalette()
    for role, name in colours.items():
        palette.setColor(role, QColor(name))
    for role in _TEXT_ROLES:
        faint = QColor(colours[role])
        faint.setAlphaF(_FAINT)
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    return palette
