"""What the system wants opened: files dropped on the Dock icon or opened with this app, and its addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEME = "qwen-image-editor"
"""Addresses of this app: the scheme alone brings it to the front, `qwen-image-editor:job/ID` shows a job."""

_JOB = re.compile(r"/*job/([0-9A-Za-z-]+)")


class Application(QApplication):
    """Hears of what the system wants opened, and keeps it until `listen` is called.

    No event filter: of an application, that would run Python for every event of every widget.
    """

    files_opened = Signal(list)
    """list[Path]: may be empty; then only the window is wanted."""
    job_wanted = Signal(str)
    """A job's id, out of an address: not known to exist."""

    def __init__(self, arguments: Sequence[str]) -> None:
        # Before Qt begins: on a Mac, an event may come while it does.
        self._held: list[QUrl] = []
        self._listened_to = False
        super().__init__(list(arguments))
        # Several files come as an event each; together they keep their order.
        self._deliver = QTimer(self, singleShot=True, interval=0)
        self._deliver.timeout.connect(self._on_deliver)

    def event(self, occurred: QEvent) -> bool:
        """Take the event that macOS sends to the application."""
        if isinstance(occurred, QFileOpenEvent):
            self._held.append(occurred.url())
            if self._listened_to:
                self._deliver.start()
            return True
        return super().event(occurred)

    def listen(self) -> None:
        """Tell from now on, and first of what came before there was a window."""
        self._listened_to = True
        self._on_deliver()

    @Slot()
    def _on_deliver(self) -> None:
        addresses, self._held = self._held, []
        files = [Path(address.toLocalFile()) for address in addresses if address.isLocalFile()]
        others = [address for address in addresses if address.scheme() == SCHEME]
        if files or others:
            self.files_opened.emit(files)
        for address in others:
            job = _JOB.fullmatch(address.path())
            if job:
                self.job_wanted.emit(job[1])
