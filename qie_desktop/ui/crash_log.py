"""What a start that ended in a crash has left: written by Python's fault handler, told at the next start."""

from __future__ import annotations

import faulthandler
import logging
import sys
import time
import traceback
from typing import TYPE_CHECKING, TextIO

from qie_desktop import __version__
from qie_desktop.core.errors import QieError
from qie_desktop.storage import atomic
from qie_desktop.storage.logs import redact

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_log = logging.getLogger(__name__)

_OPEN_NAME = "running.log"
_KEPT_PATTERN = "crash-*.log"
_KEPT = 5
_SHOWN_CHARS = 200_000


class CrashLog:
    """A file in the log folder that stays empty but for its heading unless the process dies of a fault.

    To be used by the one process that has the window of the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _OPEN_NAME
        self._file: TextIO | None = None
        self._hook = sys.excepthook

    def begin(self) -> Path | None:
        """Write from now on what a crash leaves; return what the last start has left, or None.

        Never raises: without a log the window still opens.
        """
        try:
            left = self._kept_report()
            with atomic.mapped_errors(self._path, "write"):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8", buffering=1)
                self._file.write(heading())
        except QieError as error:
            _log.warning("A crash would leave no report: %s", error)
            return None
        faulthandler.enable(self._file)
        self._hook = sys.excepthook
        sys.excepthook = self._on_exception
        return left

    def end(self) -> None:
        """All went well: leave nothing."""
        sys.excepthook = self._hook
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)

    def _kept_report(self) -> Path | None:
        """Give what is left a name of its own; a heading alone is of a process that was killed."""
        with atomic.mapped_errors(self._path, "read"):
            if not self._path.is_file() or not _body(read_report(self._path)):
                return None
            at = time.strftime("%Y%m%d-%H%M%S", time.localtime(self._path.stat().st_mtime))
            kept = self._path.replace(self._path.with_name(f"crash-{at}.log"))
            for old in sorted(self._folder.glob(_KEPT_PATTERN))[:-_KEPT]:
                old.unlink(missing_ok=True)
            return kept

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Note what ends the process before, or after, the window hears of exceptions itself."""
        if self._file is not None and not issubclass(kind, KeyboardInterrupt):
            self._file.write(redact("".join(traceback.format_exception(kind, error, trace))))
        self._hook(kind, error, trace)


def heading() -> str:
    """Return the line that begins every report: versions and system."""
    return f"Qwen Image Editor {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n\n"


def read_report(path: Path) -> str:
    """Return a report as text, without secrets. Raises StorageError."""
    with atomic.mapped_errors(path, "read"):
        return redact(path.read_text(encoding="utf-8", errors="replace")[:_SHOWN_CHARS])


def _body(report: str) -> str:
    return report.partition("\n\n")[2].strip()
