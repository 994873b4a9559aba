"""What stands in the gallery while there is nothing to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.icon_label import IconLabel
from qie_desktop.ui.look.icons import Tone
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from qie_desktop.ui.gallery.cells import GalleryFilter

_ICON = 28


class EmptyState(QWidget):
    """Says why there is nothing, and what helps."""

    everything_wanted = Signal()
    """Search and star filter are to be taken away."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery_empty")
        self._sign = IconLabel(_ICON)
        self._title = QLabel()
        self._title.setObjectName("gallery_empty_title")
        make_muted(self._title, small=False)
        self._hint = QLabel()
        self._hint.setObjectName("gallery_empty_hint")
        make_muted(self._hint)
        self._all = QPushButton("Show Everything")
        self._all.setObjectName("gallery_show_everything")
        self._all.clicked.connect(self.everything_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Spacing.m, Spacing.m, Spacing.m, Spacing.m)
        layout.setSpacing(Spacing.s)
        layout.addStretch(2)
        layout.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (self._title, self._hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addWidget(self._all, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        self.say("image", "Nothing here yet", "What you make appears here.", narrowed=False)

    def explain(self, wanted: GalleryFilter) -> None:
        """Say what nothing means under this filter."""
        if wanted.search.strip():
            self.say("search", "Nothing found", "No prompt or model has these words.", narrowed=True)
        elif wanted.starred:
            self.say("star", "Nothing found", "Star a picture to find it here again.", narrowed=True)
        else:
            self.say("image", "Nothing here yet", "What you make appears here.", narrowed=False)

    def say(self, sign: str, title: str, hint: str, *, narrowed: bool) -> None:
        """Show these words under a sign."""
        self._sign.show_icon(sign, Tone.MUTED)
        self._title.setText(title)
        self._hint.setText(hint)
        self._all.setVisible(narrowed)
        self.setAccessibleName(f"{title}. {hint}")
