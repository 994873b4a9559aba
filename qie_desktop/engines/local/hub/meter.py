"""How fast bytes come, and how long the rest takes."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW_S = 8.0
_LEAST_S = 0.5


class Meter:
    """Counts the bytes that are there; any thread may add to it.

    The rate is that of the last seconds, of what came over the network alone.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._lock = threading.Lock()
        self._done = 0
        self._received = 0
        self._samples: deque[tuple[float, int]] = deque([(clock(), 0)])

    def add(self, count: int, *, received: bool = True) -> None:
        """Count bytes that are on the disk now; a negative number takes back what had to go."""
        with self._lock:
            self._done += count
            if received:
                self._received += max(count, 0)

    @property
    def done(self) -> int:
        """How many bytes are there."""
        with self._lock:
            return self._done

    def rate(self) -> tuple[float | None, float | None]:
        """Return bytes a second and the seconds that are left; None while they cannot be told."""
        with self._lock:
            now = self._clock()
            self._samples.append((now, self._received))
            while len(self._samples) > 2 and now - self._samples[1][0] > _WINDOW_S:  # noqa: PLR2004 - a span
                self._samples.popleft()
            then, before = self._samples[0]
            if now - then < _LEAST_S:
                return None, None
            per_second = (self._received - before) / (now - then)
            left = max(self.total - self._done, 0)
            return per_second, left / per_second if per_second > 0 else None
