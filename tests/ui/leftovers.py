"""What a test may leave behind by mistake: threads, running timers, top-level widgets."""

from __future__ import annotations

import gc
import threading

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
from PySide6.QtWidgets import QApplication

_MANY = 100_000


def alive(app: QApplication) -> list[QObject]:
    """Return what is there now and counts as left behind after a test."""
    if len(gc.get_objects()) > _MANY:
        # Libraries' modules, most of them: looked through no more, neither here nor by the collector.
        gc.collect()
        gc.freeze()
    return [*_at_work(), *app.topLevelWidgets()]


def found(app: QApplication, threads: set[threading.Thread], objects: set[int]) -> list[str]:
    let_qt_finish()
    left = [
        f"thread {item.name}"
        for item in threading.enumerate()
        if item not in threads and not _is_qthread(item)
    ]
    left += [repr(item) for item in _at_work() if id(item) not in objects]
    left += [
        repr(widget)
        for widget in app.topLevelWidgets()
        if id(widget) not in objects
        and widget.metaObject().className() != "QTipLabel"
        and (widget.isVisible() or widget.parent() is None)
    ]
    return left


def let_qt_finish() -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QCoreApplication.processEvents()


def _at_work() -> list[QTimer | QThread]:
    """Return the timers and threads that run, but for the main thread."""
    # By type(): asking some libraries' lazy modules for their __class__ would import half of them.
    found = [item for item in gc.get_objects() if issubclass(type(item), (QTimer, QThread))]
    main = _main_thread()
    return [item for item in found if shiboken6.isValid(item) and item is not main and _runs(item)]


def _runs(item: QTimer | QThread) -> bool:
    return item.isActive() if isinstance(item, QTimer) else item.isRunning()


def _is_qthread(thread: threading.Thread) -> bool:
    # Python's stand-in for a thread that it did not start; it stays after that has ended.
    return type(thread).__name__ == "_DummyThread"


def _main_thread() -> QThread | None:
    app = QCoreApplication.instance()
    return app.thread() if app else None
