"""A window as a person at it works: what is looked for is found, and waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from qie_desktop.ui.main_window import MainWindow

TIMEOUT_MS = 30_000
"""Ten times as long as it takes on a machine that does nothing else."""


class AnyFront(QObject):
    """The window, and the means to work at it."""

    timeout_ms = TIMEOUT_MS

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        super().__init__()
        self.qtbot = qtbot
        self.window = window

    def find(self, kind: type[Any], name: str) -> Any:
        found = self.window.findChild(kind, name)
        assert found is not None, f"there is no {name}"
        return found

    def wait(self, condition: Callable[[], object], timeout_ms: int | None = None) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout_ms or self.timeout_ms)
