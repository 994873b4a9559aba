"""Work off the GUI thread whose results come back to it."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from qie_desktop.core.errors import InternalError, QieError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_log = logging.getLogger(__name__)

_SLICE_S = 0.008
"""For how long results are delivered before the window has another turn."""
_SOON_THREADS = 2


class _Lane:
    """Work in the order in which it was asked for, and the threads for it."""

    def __init__(self, thread_count: int, name: str) -> None:
        self._thread_count = thread_count
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def put(self, call: Callable[[], None]) -> None:
        """Have a call made in its turn, once there are threads."""
        self._work.put(call)

    def add_threads(self) -> None:
        """Begin a thread for each call that waits, and no more than the lane may have."""
        self._begin(min(self._work.qsize(), self._thread_count - len(self._threads)))

    def add_all_threads(self) -> None:
        """Begin all that the lane may have."""
        self._begin(self._thread_count - len(self._threads))

    def end(self) -> None:
        """Drop what waits; each thread ends after what it does now."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._work.get_nowait()
        for _ in self._threads:
            self._work.put(None)

    def join(self, deadline_s: float) -> bool:
        """Wait for the threads until this time of the monotonic clock; return whether all have ended."""
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _begin(self, count: int) -> None:
        for _ in range(count):
            name = f"{self._name}-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._serve, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self) -> None:
        while (call := self._work.get()) is not None:
            call()
            del call


class BackgroundPool(QObject):
    """A few threads that work in the order in which they are asked, and two more for what is wanted soon.

    Build and use it on the GUI thread.

    The threads are daemons: work that hangs (a Keychain that waits for its person) does not keep the program
    from ending. Nothing is delivered after `shut_down`, nor to a widget that is gone by then.
    """

    failed_unheard = Signal(object)
    """QieError: work failed for which nobody had asked to be told."""

    _settled = Signal(object)
    """A callable without arguments: what is to be called on the GUI thread."""

    def __init__(
        self, thread_count: int = 4, name: str = "qie-background", parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._open = True
        self._held = False
        self._lane = _Lane(thread_count, name)
        self._soon = _Lane(_SOON_THREADS, f"{name}-soon")
        self._results: deque[Callable[[], None]] = deque()
        # A timer rather than an event for each: input and painting come in between.
        self._deliver = QTimer(self, singleShot=True, interval=0)
        self._deliver.timeout.connect(self._on_deliver)
        self._settled.connect(self._on_settled, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[QieError], None] | None = None,
        *,
        soon: bool = False,
    ) -> None:
        """Call `work` on a thread, and then `done`, or `failed` with a QieError, on the GUI thread.

        With `soon` it never waits for longer work: for what is short, and missing on the screen until then.
        """
        if self._open:
            lane = self._soon if soon else self._lane
            lane.put(partial(self._do, work, done, failed))
            if not self._held:
                lane.add_threads()

    def hold(self) -> None:
        """Begin nothing until `release`: the window is painted first, and no thread gets in its way."""
        self._held = True

    def release(self) -> None:
        """Begin what was asked for meanwhile, and all threads.

        None begins later: the system makes no thread while it loads a library, and torch's take 30 ms, in
        which the window would wait (measured).
        """
        self._held = False
        for lane in (self._soon, self._lane):
            lane.add_all_threads()

    def shut_down(self, timeout_s: float = 0.0) -> bool:
        """Drop what waits, deliver nothing more, and return whether all threads have ended in time."""
        self._open = False
        self._deliver.stop()
        self._results.clear()
        lanes = (self._lane, self._soon)
        for lane in lanes:
            lane.end()
        deadline_s = time.monotonic() + timeout_s
        ended = [lane.join(deadline_s) for lane in lanes]
        return all(ended)

    def _do(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[QieError], None] | None
    ) -> None:
        try:
            result = work()
        except QieError as error:
            _log.info("Background work failed: %s: %s", error.code, error)
            self._settle(failed or self.failed_unheard.emit, error)
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it: whoever asked is told
            _log.exception("Background work failed unforeseen")
            told = InternalError(
                f"Something went wrong that was not foreseen ({type(error).__name__}).",
                "Try again; if it happens again, the log in the data folder has the details.",
            )
            self._settle(failed or self.failed_unheard.emit, told)
        else:
            self._settle(done, result)

    def _settle(self, callback: Callable[[T], None], value: T) -> None:
        # The pool itself may be gone by now: the threads do not keep it alive.
        if self._open and shiboken6.isValid(self):
            self._settled.emit(partial(_call_back, callback, value))

    @Slot(object)
    def _on_settled(self, call: object) -> None:
        if self._open:
            self._results.append(cast("Callable[[], None]", call))
            if not self._deliver.isActive():
                self._deliver.start()

    @Slot()
    def _on_deliver(self) -> None:
        """Call back for a while, in order; for the rest after whatever else waits."""
        end = time.monotonic() + _SLICE_S
        while self._results and time.monotonic() < end:
            self._results.popleft()()
        if self._results and self._open:
            self._deliver.start()


def _call_back(callback: Callable[[T], None], value: T) -> None:
    """Call back, unless the object that the callback belongs to has been deleted."""
    method: object = callback
    # A method that carries arguments of its own belongs to its object all the same.
    while isinstance(method, partial):
        method = method.func
    owner: object = getattr(method, "__self__", None)
    if not isinstance(owner, QObject) or shiboken6.isValid(owner):
        callback(value)
