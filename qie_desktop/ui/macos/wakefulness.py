"""The Mac stays awake while a job runs, and no longer; its screen may sleep."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QProcess, Slot

from qie_desktop.ui.macos.app_nap import AppNap

if TYPE_CHECKING:
    from qie_desktop.ui.session import Jobs

_log = logging.getLogger(__name__)

CAFFEINATE = "/usr/bin/caffeinate"
_END_MS = 500


class Wakefulness(QObject):
    """Holds off idle sleep and App Nap while jobs are queued or running. GUI thread; end it with `close`.

    `program` is macOS's `caffeinate` unless another is given; where there is none, nothing is held off.
    """

    def __init__(self, parent: QObject, jobs: Jobs, program: str = "", nap: AppNap | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._program = program or (CAFFEINATE if sys.platform == "darwin" else "")
        self._nap = nap or AppNap()
        self._process = QProcess(self)
        self._process.errorOccurred.connect(self._on_error_occurred)
        jobs.submitted.connect(self._on_changed)
        jobs.ended.connect(self._on_changed)

    @property
    def is_held(self) -> bool:
        """Whether sleep is held off now."""
        return self._process.state() is not QProcess.ProcessState.NotRunning

    def close(self) -> None:
        """Let the machine sleep."""
        self._nap.allow()
        if self.is_held:
            self._process.kill()
            self._process.waitForFinished(_END_MS)

    @Slot(object)
    def _on_changed(self, _job: object) -> None:
        if self._jobs.active():
            self._nap.prevent("A picture is being made")
            if self._program and not self.is_held:
                # It ends with this process by itself, however that ends.
                self._process.start(self._program, ["-i", "-w", str(os.getpid())])
        else:
            self._nap.allow()
            # Nothing waits for it; it has nothing to put away.
            self._process.kill()

    @Slot(QProcess.ProcessError)
    def _on_error_occurred(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            _log.warning("Sleep is not held off: %s", self._process.errorString())
