"""The toggle that leaves starred pictures only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QToolButton

from qie_desktop.ui.look.classes import make_quiet
from qie_desktop.ui.look.icons import Tone, icon

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_ICON = 18


class StarFilter(QToolButton):
    """A star: filled, in the accent colour, while only starred pictures are shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery_star_filter")
        self.setCheckable(True)
        self.setIconSize(QSize(_ICON, _ICON))
        self.setAccessibleName("Starred only")
        make_quiet(self)
        self.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def _on_toggled(self, checked: bool) -> None:
        self.setIcon(icon("star_filled", self, Tone.ACCENT) if checked else icon("star", self))
        self.setToolTip("Show all pictures" if checked else "Show starred pictures only")
