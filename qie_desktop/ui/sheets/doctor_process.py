"""`qie doctor` in a process of its own: it computes on the device, for which torch must be imported."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal, Slot

from qie_desktop.core.errors import EngineError
from qie_desktop.services.diagnostics import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qie_desktop.storage.data_folder import DataFolder

_KILL_WAIT_MS = 1000


class DoctorProcess(QObject):
    """Runs the command line's own report over a data folder, without making the window wait."""

    reported = Signal(object)
    """tuple[Finding, ...]: the whole report."""
    failed = Signal(object)
    """EngineError: there is no report, and why."""

    def __init__(
        self, folder: DataFolder, parent: QObject | None = None, command: Sequence[str] | None = None
    ) -> None:
        super().__init__(parent)
        program, *arguments = command or doctor_command()
        self._process = QProcess(self)
        self._process.setProgram(program)
        self._process.setArguments(arguments)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("QIE_HOME", str(folder.home))
        self._process.setProcessEnvironment(environment)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error_occurred)

    def start(self) -> None:
        """Begin; one of the signals follows."""
        self._process.start()

    def stop(self) -> None:
        """End it at once, and emit nothing more."""
        self._process.blockSignals(True)
        if self._process.state() is not QProcess.ProcessState.NotRunning:
            self._process.kill()
            self._process.waitForFinished(_KILL_WAIT_MS)

    @Slot(int, QProcess.ExitStatus)
    def _on_finished(self, code: int, _status: QProcess.ExitStatus) -> None:
        # It exits with 1 when something is amiss, and tells it all the same.
        printed = self._process.readAllStandardOutput().toStdString()
        try:
            findings = tuple(_finding(item) for item in json.loads(printed))
        except (ValueError, KeyError, TypeError):
            self.failed.emit(
                EngineError(f"The device could not be tested (exit {code}).", "Try `qie doctor` in Terminal.")
            )
            return
        self.reported.emit(findings)

    @Slot(QProcess.ProcessError)
    def _on_error_occurred(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self.failed.emit(
                EngineError("The test of the device could not be started.", "Try `qie doctor` in Terminal.")
            )


def doctor_command() -> list[str]:
    """Return the command that prints the report; in the bundle the program is its own command line."""
    module = [] if getattr(sys, "frozen", False) else ["-m", "qie_desktop"]
    return [sys.executable, *module, "doctor", "--json"]


def _finding(item: object) -> Finding:
    data = cast("Mapping[str, object]", item)
    return Finding(
        str(data["name"]), str(data["value"]), Verdict(str(data["verdict"])), str(data.get("hint", ""))
    )
