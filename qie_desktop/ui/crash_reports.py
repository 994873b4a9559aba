"""Exceptions that nobody caught: logged in full, and told calmly."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from qie_desktop import __version__
from qie_desktop.storage.logs import redact

if TYPE_CHECKING:
    from types import TracebackType

_log = logging.getLogger("qie_desktop.unforeseen")


class CrashReports(QObject):
    """Hears of uncaught exceptions of all threads between `install` and `uninstall`."""

    reported = Signal(str)
    """What can be copied into a report: version, system and traceback, without secrets. GUI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._before = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        """Hear from now on."""
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def uninstall(self) -> None:
        """Put back who heard before."""
        sys.excepthook, threading.excepthook = self._before

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        _log.error("Unforeseen", exc_info=(kind, error, trace))
        text = "".join(traceback.format_exception(kind, error, trace))
        self.reported.emit(
            redact(
                f"Qwen Image Editor {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n\n{text}"
            )
        )

    def _on_thread_exception(self, hooked: threading.ExceptHookArgs) -> None:
        if hooked.exc_value is not None:
            self._on_exception(hooked.exc_type, hooked.exc_value, hooked.exc_traceback)
