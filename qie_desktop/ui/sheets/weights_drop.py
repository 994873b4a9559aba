"""Own weights dropped on Manage Models: told apart by what they are, and refused in place."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from qie_desktop.ui.sheets.own_weights_check import setting_for

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.session import Background


class WeightsDrop(QObject):
    """Takes files and folders from the Finder that are dropped on a widget. GUI thread only."""

    lit = Signal(bool)
    """bool: whether something that may be dropped is over the widget."""
    recognised = Signal(str, object)
    """str, Path: the setting that it is for, and where it is; it has not been checked further."""
    refused = Signal(object)
    """QieError: what it is, and that it is of no use."""

    def __init__(self, widget: QWidget, background: Background) -> None:
        super().__init__(widget)
        self._background = background
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take what is dropped; anything else is the widget's."""
        match event.type():
            case QEvent.Type.DragEnter if isinstance(event, QDragEnterEvent) and _paths(event.mimeData()):
                event.acceptProposedAction()
                self.lit.emit(True)
                return True
            case QEvent.Type.DragLeave:
                self.lit.emit(False)
            case QEvent.Type.Drop if isinstance(event, QDropEvent):
                event.acceptProposedAction()
                self.lit.emit(False)
                for path in _paths(event.mimeData()):
                    work = partial(_recognised, path)
                    self._background.run(work, self._on_recognised, self._on_refused)
                return True
            case _:
                pass
        return False

    def _on_recognised(self, found: tuple[str, Path]) -> None:
        self.recognised.emit(*found)

    def _on_refused(self, error: QieError) -> None:
        self.refused.emit(error)


def _recognised(path: Path) -> tuple[str, Path]:
    return setting_for(path), path


def _paths(mime: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
