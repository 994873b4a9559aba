"""About: the icon, the name, the version and whose work it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QLabel

from qie_desktop import __version__
from qie_desktop.core.machine import this_machine
from qie_desktop.storage.resources import resources_folder
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.sheet import Sheet, muted_label

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_ICON = QSize(112, 112)
_WIDTH = 340


class AboutBox(Sheet):
    """What this program is. Closes with Escape, as every sheet does."""

    licences_wanted = Signal()
    """The person wants to see whose work it stands on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("about", "About Qwen Image Editor", parent)
        self.setFixedWidth(_WIDTH)
        self.body.setSpacing(Spacing.s)
        # The icon has as much air around it by itself.
        self.body.setContentsMargins(0, 0, 0, Spacing.m)
        picture = QLabel()
        picture.setPixmap(app_icon().pixmap(_ICON, self.devicePixelRatioF()))
        picture.setAccessibleName("The app's icon")
        name = QLabel("Qwen Image Editor")
        classes.make_headline(name)
        version = muted_label(f"Version {__version__}", small=False)
        version.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        what = muted_label(
            f"Edits and generates pictures, on {this_machine()} or in the cloud. "
            "Built on the Qwen-Image models, diffusers, PyTorch and Qt. MIT licence."
        )
        for label in (picture, name, version, what):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self.body.addWidget(label)
        licences = self.add_button("Licences…", "licences_button")
        licences.clicked.connect(self.licences_wanted)
        self.buttons.addStretch(1)


def app_icon() -> QIcon:
    """Return the app's icon in all its sizes."""
    found = QIcon()
    for path in sorted((resources_folder() / "icons").glob("app_*.png")):
        found.addFile(str(path))
    return found
