"""What a test may leave behind by mistake: threads, running timers, top-level widgets."""

from __future__ import annotations

import gc
import threading
from typing import TypeVar

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
from PySide6.QtWidgets import QApplication

T = TypeVar("T")


def alive(app: QApplication) -> list[QObject]:
    """Return what is there now and counts as left behind after a test."""
    return [*_timers(), *_qthreads(), *app.topLevelWidgets()]


def found(app: QApplication, threads: set[threading.Thread], objects: set[int]) -> list[str]:
    let_qt_finish()
    left = [
        f"thread {item.name}"
        for item in threading.enumerate()
        if item not in threads and not _is_qthread(item)
    ]
    left += [repr(item) for item in (*_timers(), *_qthreads()) if id(item) not in objects]
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


def _timers() -> list[QTimer]:
    return [timer for timer in _alive(QTimer) if timer.isActive()]


def _qthreads() -> list[QThread]:
    return [thread for thread in _alive(QThread) if thread.isRunning() and thread is not _main_thread()]


def _is_qthread(thread: threading.Thread) -> bool:
    # Python's stand-in for a thread that it did not start; it stays after that has ended.
    return type(thread).__name__ == "_DummyThread"


def _main_thread() -> QThread | None:
    app = QCoreApplication.instance()
    return app.thread() if app else None


def _alive(kind: type[T]) -> list[T]:
    # By type(): asking some libraries' lazy modules for their __class__ would import half of them.
    return [item for item in gc.get_objects() if issubclass(type(item), kind) and shiboken6.isValid(item)]
