"""Ctrl+C in the terminal, and the system's request to end: they close the window, as the person would."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Signal, Slot

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(QObject):
    """Hears of SIGINT and SIGTERM while Qt's loop runs, in which Python's own handlers have no turn."""

    received = Signal()
    """The process is asked to end."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ear, self._mouth = socket.socketpair()
        self._mouth.setblocking(False)
        self._notifier = QSocketNotifier(self._ear.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_activated)
        # Written to by the system's handler itself, on whatever thread.
        self._wakeup = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _ignored) for number in _SIGNALS}

    def close(self) -> None:
        """Hear no longer: what comes now ends the process."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._ear.close()
        self._mouth.close()

    @Slot()
    def _on_activated(self) -> None:
        self._ear.recv(64)
        self.received.emit()


def _ignored(_number: int, _frame: FrameType | None) -> None:
    """Python's handler: the byte in the pipe is what counts."""
