"""Takes photographs of the window, and of dialogs over it, at each size. Used by screenshots.py."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.ui.main_window import MainWindow

TARGET = Path(os.environ.get("SCREENS", Path(__file__).resolve().parents[1] / "build" / "screenshots"))
"""Where the photographs go; SCREENS in the environment names another folder."""
SIZES = (QSize(1200, 800), QSize(1000, 640))
WAIT_S = 300.0
SETTLE_S = 0.4
SHADE = QColor(0, 0, 0, 60)
SHADOW_PX = 8


@dataclass(frozen=True)
class Camera:
    """Takes one state at both sizes."""

    window: MainWindow
    theme: str
    scale: int
    only: frozenset[str]

    def wants(self, *names: str) -> bool:
        """Whether any of these states is to be taken."""
        return not self.only or any(name in self.only for name in names)

    def take(
        self, name: str, dialog: QWidget | None = None, settle_s: float = SETTLE_S, *, end: bool = False
    ) -> None:
        """Photograph the window, and a dialog over it where there is one; `end`: with the last controls."""
        if not self.wants(name):
            return
        for size in SIZES:
            self.window.resize(size)
            settle(settle_s)
            if end:
                scroll_to_end(self.window)
            shot = self.window.grab()
            if dialog is not None:
                _lay_over(shot, dialog.grab(), size)
            path = TARGET / f"{name}-{self.theme}-{size.width()}x{size.height()}@{self.scale}x.png"
            shot.save(str(path))
        print(f"  {self.theme} {self.scale}x {name}", flush=True)


def scroll_to_end(window: MainWindow) -> None:
    """Scroll the controls down to their last row."""
    scrolled = window.controls.findChild(QScrollArea)
    assert scrolled is not None
    scrolled.verticalScrollBar().setValue(scrolled.verticalScrollBar().maximum())
    settle(SETTLE_S)


def settle(seconds: float) -> None:
    """Let the application work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Let the application work until something is so."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come about within {WAIT_S:.0f} s")
        settle(0.02)


def _lay_over(shot: QPixmap, dialog: QPixmap, size: QSize) -> None:
    """Paint a dialog with its shadow into the middle of a photograph of the window."""
    painter = QPainter(shot)
    painter.fillRect(shot.rect(), SHADE)
    own = dialog.deviceIndependentSize().toSize()
    corner = QPoint((size.width() - own.width()) // 2, max(0, (size.height() - own.height()) // 2))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 10))
    for spread in range(SHADOW_PX, 0, -1):
        grown = QRect(corner, own).adjusted(-spread, 3 - spread, spread, 3 + spread)
        painter.drawRoundedRect(grown, SHADOW_PX, SHADOW_PX)
    painter.drawPixmap(corner, dialog)
    painter.end()
