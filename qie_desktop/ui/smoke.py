"""`--smoke`: open the window, wait until it has been painted, say how long that took."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, Slot

from qie_desktop.ui.application import create
from qie_desktop.ui.garbage import resume_collections

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMIT_MS = 30_000
_START_FIELD = 19
"""Of /proc/self/stat, counted from after the name: when the process began, in ticks since the boot."""


class FirstPaint(QObject):
    """Calls back when the widget that it filters has been painted for the first time."""

    def __init__(self, painted: Callable[[], None]) -> None:
        super().__init__()
        self._painted = painted
        self.at_s: float | None = None

    def eventFilter(self, watched: QObject, occurred: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Note when the first paint is over: what was posted then comes after it."""
        if occurred.type() is QEvent.Type.Paint and self.at_s is None:
            self.at_s = time.monotonic()
            QTimer.singleShot(0, self, self._on_painted)
        return super().eventFilter(watched, occurred)

    @Slot()
    def _on_painted(self) -> None:
        self.at_s = time.monotonic()
        self._painted()


def smoke(home: Path) -> int:
    """Print `{"first_paint_ms": …, "torch_imported": false}`, counted from the start of the process."""
    application, window = create(home)
    application.setQuitOnLastWindowClosed(False)
    paint = FirstPaint(application.quit)
    window.viewer.installEventFilter(paint)
    window.began.connect(resume_collections)
    window.show()
    QTimer.singleShot(_LIMIT_MS, application.quit)
    application.exec()
    window.hide()
    ended = window.shut_down()
    if paint.at_s is None:
        return 1
    age_s = process_age_s() - (time.monotonic() - paint.at_s)
    report = {
        "first_paint_ms": round(age_s * 1000),
        "torch_imported": "torch" in sys.modules,
    }
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    if not ended:
        os._exit(1)
    return 0


def process_age_s() -> float:
    """Return for how long this process has been running."""
    stat = Path("/proc/self/stat")
    if stat.exists():
        # psutil adds Linux's start time to a boot time that is rounded to whole seconds.
        ticks = float(stat.read_text(encoding="ascii").rpartition(")")[2].split()[_START_FIELD])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    import psutil  # noqa: PLC0415 - not before the window stands

    return time.time() - psutil.Process().create_time()
