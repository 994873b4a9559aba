"""The way out for a job's events: throttled, in order, and nothing after the last."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from qie_desktop.core.events import JobEvent, Terminal
from qie_desktop.core.throttle import ProgressThrottle

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class EventGate:
    """Passes a job's events on, one at a time, from whatever thread they come.

    `emit` is called with the gate's lock held, so that no event can follow the terminal one.
    """

    def __init__(self, emit: Callable[[JobEvent], None]) -> None:
        self._lock = threading.RLock()
        self._emit = emit
        self._throttle = ProgressThrottle(emit)
        self._closed = False

    def pass_on(self, event: JobEvent) -> None:
        """Pass on an event of an engine; progress at most ten times a second. Late ones are dropped."""
        if isinstance(event, Terminal):
            # How a job ended is told by `run_job` alone, once it stands on disk.
            _log.warning("An engine emitted %s by itself; it was dropped.", type(event).__name__)
            return
        with self._lock:
            if not self._closed:
                self._throttle(event)

    def close(self, terminal: Terminal) -> None:
        """Pass on the terminal event, and nothing after it."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._emit(terminal)
