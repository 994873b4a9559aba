"""Icons by our own names, in the colours of the palette as it is when they are painted.

Because an icon looks its colour up each time, nothing has to be renewed when the theme changes. The glyphs
are outlines from QtAwesome's fonts, so they are crisp at every scale.
"""

from __future__ import annotations

import json
import weakref
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QIcon,
    QIconEngine,
    QPainter,
    QPainterPath,
    QPalette,
    QPixmap,
    QRawFont,
)
from PySide6.QtWidgets import QApplication, QWidget

from qie_desktop.ui.look.colours import Colours
from qie_desktop.ui.look.contrast import mixed

if TYPE_CHECKING:
    from collections.abc import Mapping

GLYPHS: Mapping[str, str] = {
    "add": "ph.plus",
    "cancel": "ph.x",
    "cancelled": "ph.prohibit",
    "check": "ph.check",
    "chevron_down": "ph.caret-down",
    "chevron_right": "ph.caret-right",
    "close": "ph.x",
    "cloud": "ph.cloud",
    "compare": "ph.square-half",
    "copy": "ph.copy",
    "dice": "ph.dice-five",
    "download": "ph.download-simple",
    "edit": "ph.pencil-simple",
    "error": "ph.warning-octagon",
    "fit": "ph.corners-out",
    "folder": "ph.folder",
    "generate": "ph.sparkle",
    "history": "ph.clock-counter-clockwise",
    "hybrid": "ph.intersect",
    "image": "ph.image",
    "info": "ph.info",
    "key": "ph.key",
    "local": "ph.desktop",
    "lock": "ph.lock-simple",
    "more": "ph.dots-three",
    "remove": "ph.minus",
    "reset": "ph.arrow-counter-clockwise",
    "retry": "ph.arrow-clockwise",
    "save": "ph.floppy-disk",
    "search": "ph.magnifying-glass",
    "settings": "ph.gear-six",
    "sidebar_left": "ri.layout-left-line",
    "sidebar_right": "ri.layout-right-line",
    "star": "ph.star",
    "star_filled": "ph.star-fill",
    "success": "ph.check-circle",
    "trash": "ph.trash",
    "unlock": "ph.lock-simple-open",
    "warning": "ph.warning",
    "zoom_in": "ph.magnifying-glass-plus",
    "zoom_out": "ph.magnifying-glass-minus",
}
"""Our name of each icon, and QtAwesome's: Phosphor's glyphs, and Remix Icon's where Phosphor has none."""

_FONTS = {
    "ph": ("phosphor-1.3.0.ttf", "phosphor-charmap-1.3.0.json"),
    "ri": ("remixicon-2.5.0.ttf", "remixicon-charmap-2.5.0.json"),
}
_EM = 256.0
"""The size at which outlines are taken from a font; they are scaled to what they are painted in."""


class Tone(StrEnum):
    """In which colour an icon is painted."""

    TEXT = "text"
    MUTED = "muted"
    ACCENT = "accent_text"
    ON_ACCENT = "on_accent"
    DANGER = "danger"
    WARNING = "warning"
    SUCCESS = "success"
    ON_OVERLAY = "on_overlay"


def icon(name: str, widget: QWidget | None, tone: Tone = Tone.TEXT) -> QIcon:
    """Return an icon of `GLYPHS` in the colours of a widget, or of the application where that is None.

    Raises KeyError for a name that there is not. GUI thread.
    """
    # A copy: PySide (6.11) makes an engine the child of the QIcon that it is given to. Among things that hold
    # one another the collector may clear the engine first, and the icon would delete it once more.
    return QIcon(QIcon(_PaletteIconEngine(GLYPHS[name], widget, tone)))


class _PaletteIconEngine(QIconEngine):
    """Paints one glyph in the colour that the widget's palette has for a tone."""

    def __init__(self, glyph: str, widget: QWidget | None, tone: Tone) -> None:
        super().__init__()
        self._glyph = glyph
        self._tone = tone
        # Weak: an icon, which a model or an action may keep, must not keep a widget.
        self._widget = weakref.ref(widget) if widget is not None else None
        self._shades: dict[QIcon.Mode, tuple[int, QColor]] = {}

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, _state: QIcon.State) -> None:
        """Paint the glyph as large as the rectangle."""
        side = min(rect.width(), rect.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(QRectF(rect).center())
        painter.scale(side / _EM, side / _EM)
        painter.fillPath(_outline(self._glyph), self._shade(mode))
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Return the glyph on a transparent ground; `size` is in device pixels."""
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        """Return the same icon again, for a QIcon that is changed."""
        return _PaletteIconEngine(self._glyph, self._alive(), self._tone)

    def _shade(self, mode: QIcon.Mode) -> QColor:
        widget = self._alive()
        palette = widget.palette() if widget is not None else QApplication.palette()
        key, shade = self._shades.get(mode, (None, QColor()))
        if key != palette.cacheKey():
            shade = _colour(palette, self._tone, mode)
            self._shades[mode] = (palette.cacheKey(), shade)
        return shade

    def _alive(self) -> QWidget | None:
        widget = self._widget() if self._widget is not None else None
        return widget if widget is not None and shiboken6.isValid(widget) else None


def _colour(palette: QPalette, tone: Tone, mode: QIcon.Mode) -> QColor:
    if mode is QIcon.Mode.Selected and tone is Tone.TEXT:
        return palette.color(QPalette.ColorRole.HighlightedText)
    palette = QPalette(palette)
    palette.setCurrentColorGroup(QPalette.ColorGroup.Active)
    colours = Colours.of(palette)
    if mode is QIcon.Mode.Disabled:
        return mixed(colours.text, colours.window, 0.6)
    colour: QColor = getattr(colours, tone.value)
    return colour


@cache
def _outline(glyph: str) -> QPainterPath:
    """Return a glyph's outline, with the middle of its square at the origin."""
    return _outlines(glyph.partition(".")[0])[glyph]


@cache
def _outlines(prefix: str) -> dict[str, QPainterPath]:
    """Return the outlines of all glyphs of ours that one font has.

    The fonts are read without importing QtAwesome, which would load all its eleven fonts and import every
    part of Qt's bindings anew: a quarter of a second at the start.
    """
    package = find_spec("qtawesome")
    if package is None or package.origin is None:
        raise RuntimeError("QtAwesome, which has the icons, is not installed.")
    folder = Path(package.origin).parent / "fonts"
    font_name, charmap_name = _FONTS[prefix]
    charmap: dict[str, str] = json.loads((folder / charmap_name).read_text(encoding="utf-8"))
    font = QRawFont(str(folder / font_name), _EM, QFont.HintingPreference.PreferNoHinting)
    outlines: dict[str, QPainterPath] = {}
    for glyph in GLYPHS.values():
        set_name, _, name = glyph.partition(".")
        if set_name == prefix:
            index = font.glyphIndexesForString(chr(int(charmap[name], 16)))[0]
            # The square of a glyph is as wide as its advance, and stands on the descent.
            advance = font.advancesForGlyphIndexes([index])[0].x()
            middle = QPointF(advance / 2, (font.descent() - font.ascent()) / 2)
            outlines[glyph] = font.pathForGlyph(index).translated(-middle)
    return outlines
