"""How the application looks: style, palette and style sheet, in the theme that is wanted, followed live."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.palettes import dark_palette, light_palette
from qie_desktop.ui.look.style_sheet import style_sheet

if TYPE_CHECKING:
    from PySide6.QtGui import QFont, QPalette

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
_IN_CHARGE = "appearance_in_charge"
_FONT = "Inter"
_FONT_PX = 13


class Appearance(QObject):
    """The native style on macOS and Fusion elsewhere; `system`, `light` or `dark`. GUI thread only.

    Build one with the application, before any widget; it lives as long as `parent`, or the application where
    that is None. Of several the newest is in charge.
    """

    changed = Signal(bool)
    """bool: whether the theme is dark now. Colours and style sheet are in place already."""

    def __init__(
        self,
        application: QApplication,
        theme: str = "system",
        parent: QObject | None = None,
        *,
        native: bool = sys.platform == "darwin",
    ) -> None:
        super().__init__(parent or application)
        self._application = application
        self._native = native
        self._theme = theme
        if not native:
            application.setStyle("Fusion")
            application.setFont(_interface_font())
        self._applying = False
        application.setProperty(_IN_CHARGE, str(id(self)))
        application.styleHints().colorSchemeChanged.connect(self._on_color_scheme_changed)
        self.set_theme(theme)

    @property
    def theme(self) -> str:
        """What was asked for: `system`, `light` or `dark`."""
        return self._theme

    @property
    def is_dark(self) -> bool:
        """Whether the theme is dark now."""
        return self.colours.is_dark

    @property
    def colours(self) -> Colours:
        """The application's colours now; a widget rather asks `Colours.of` with its own palette."""
        return Colours.of(self._application.palette())

    def set_theme(self, theme: str) -> None:
        """Follow the system, or be light or dark whatever it is; an unknown word is as `system`."""
        self._theme = theme
        self._application.styleHints().setColorScheme(_SCHEMES.get(theme, Qt.ColorScheme.Unknown))
        self._apply()

    def follow(self) -> None:
        """Follow a new palette, as when the person picks another accent colour.

        Called by the window, which hears of it anyway: an event filter of the application would run Python
        for every event of every widget.
        """
        if self._application.property(_IN_CHARGE) == str(id(self)):
            self._apply()

    @Slot(Qt.ColorScheme)
    def _on_color_scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        self.follow()

    def _apply(self) -> None:
        if self._applying:
            return
        self._applying = True
        try:
            if not self._native:
                self._application.setPalette(self._palette())
            sheet = style_sheet(self.colours, native=self._native)
            if sheet != self._application.styleSheet():
                self._application.setStyleSheet(sheet)
        finally:
            self._applying = False
        self.changed.emit(self.is_dark)

    def _palette(self) -> QPalette:
        scheme = _SCHEMES.get(self._theme, Qt.ColorScheme.Unknown)
        if scheme is Qt.ColorScheme.Unknown:
            scheme = self._application.styleHints().colorScheme()
        return dark_palette() if scheme is Qt.ColorScheme.Dark else light_palette()


def _interface_font() -> QFont:
    """Return a font near to the Mac's own in look and size; the system's default where it is not there."""
    font = QApplication.font()
    font.setFamilies([_FONT, *font.families()])
    font.setPixelSize(_FONT_PX)
    return font
