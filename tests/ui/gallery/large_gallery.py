"""The whole window over thousands of finished jobs, measured in a process of its own.

By hand: `python -m tests.ui.gallery.large_gallery HOME`, over a data folder with jobs in it. Prints one JSON
object: what passes from the start of the process until the window is painted, until the gallery shows its
first thumbnails and until all jobs are listed; for how long the GUI thread did not come round at most, while
listing and while scrolling from end to end; and by how much memory grew from the first paint on.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PySide6.QtCore import QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication

from qie_desktop.ui.application import create
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.thumbnails import Thumbnails
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.smoke import FirstPaint, process_age_s

STEPS = 300
PAUSE_MS = 5
MB = 1024 * 1024


class Watchdog(QObject):
    """Notes the longest time that the GUI thread did not come round, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.longest_s = 0.0
        self._last_s = time.perf_counter()
        self._timer = QTimer(self, interval=1)
        self._timer.timeout.connect(self._on_timeout)
        self._timer.start()

    def _on_timeout(self) -> None:
        now_s = time.perf_counter()
        self.longest_s = max(self.longest_s, now_s - self._last_s)
        self._last_s = now_s

    def read(self) -> float:
        """Return the longest time in milliseconds, and begin anew."""
        longest_s, self.longest_s = self.longest_s, 0.0
        return round(longest_s * 1000, 1)


def measure(home: Path) -> dict[str, float]:
    """Open the window over `home`, list, scroll from end to end, and close it."""
    application, window = create(home)
    application.setQuitOnLastWindowClosed(False)
    loop = QEventLoop()
    paint = FirstPaint(loop.quit)
    window.viewer.installEventFilter(paint)
    window.show()
    loop.exec()
    gc.freeze()  # as the program does
    found: dict[str, float] = {"first_paint_ms": round(process_age_s() * 1000)}
    memory = psutil.Process()
    before = memory.memory_info().rss
    watchdog = Watchdog()
    view = window.gallery.findChild(GalleryView, "gallery")
    thumbnails = window.gallery.findChild(Thumbnails)

    def shown() -> bool:
        cells = view.visible_cells()
        return bool(cells) and all(thumbnails.tile(cell) is not None for cell in cells)

    _wait_until(shown)
    found["first_pictures_ms"] = round(process_age_s() * 1000)
    _wait_until(lambda: not window.gallery.model.loading)
    found["all_listed_ms"] = round(process_age_s() * 1000)
    found["jobs"] = window.gallery.model.rowCount()
    found["blocked_listing_ms"] = watchdog.read()
    _scroll(view)
    found["blocked_scrolling_ms"] = watchdog.read()
    _wait_until(shown)
    found["memory_growth_mb"] = round((memory.memory_info().rss - before) / MB)
    _end(window)
    return found


def _scroll(view: GalleryView) -> None:
    bar = view.verticalScrollBar()
    for step in range(STEPS + 1):
        bar.setValue(bar.maximum() * step // STEPS)
        _run_loop_for(PAUSE_MS)


def _wait_until(condition: Callable[[], bool], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        _run_loop_for(2)


def _run_loop_for(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def _end(window: MainWindow) -> None:
    window.hide()
    window.shut_down()
    QApplication.processEvents()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))) + "\n")
