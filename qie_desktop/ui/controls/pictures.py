"""The pictures in the slots as they are shown: thumbnail, size and bytes, read off the GUI thread once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from qie_desktop.core.errors import ImageDamaged, QieError
from qie_desktop.imaging.opening import probe
from qie_desktop.imaging.thumbnails import draft_thumbnail

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.imaging.opening import PictureInfo
    from qie_desktop.ui.session import Background

THUMBNAIL_PX = 512
_KEPT = 24


@dataclass(frozen=True, slots=True)
class LoadedPicture:
    """What a slot shows of a picture."""

    info: PictureInfo
    thumbnail: QImage


def load_picture(path: Path) -> LoadedPicture:
    """Read a picture for showing; all of it is decoded. Off the GUI thread. Raises InputImageError."""
    info = probe(path)
    thumbnail = QImage.fromData(draft_thumbnail(path, THUMBNAIL_PX))
    if thumbnail.isNull():
        raise ImageDamaged("images", f"{path.name} cannot be shown.", "Save it anew as PNG.")
    return LoadedPicture(info, thumbnail)


class Pictures(QObject):
    """Pictures by path, loaded when they are first asked for. GUI thread."""

    loaded = Signal(object)
    """Path: it can now be had, or it is known why not."""

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._known: dict[Path, LoadedPicture | QieError | None] = {}

    def get(self, path: Path) -> LoadedPicture | QieError | None:
        """Return the picture, or why it cannot be shown, or None while it is being loaded."""
        if path not in self._known:
            self._known[path] = None
            self._background.run(
                partial(load_picture, path),
                partial(self._on_known, path),
                partial(self._on_known, path),
            )
        return self._known[path]

    def put(self, path: Path, picture: LoadedPicture) -> None:
        """Take a picture that was loaded elsewhere."""
        self._known.pop(path, None)
        self._known[path] = picture
        for old in list(self._known)[:-_KEPT]:
            del self._known[old]
        self.loaded.emit(path)

    def _on_known(self, path: Path, answer: LoadedPicture | QieError) -> None:
        if shiboken6.isValid(self):
            self._known[path] = answer
            self.loaded.emit(path)
