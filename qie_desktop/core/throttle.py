"""At most so many progress events a second; nothing that matters is dropped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qie_desktop.core.events import JobEvent, Phase, PhaseName, Step

if TYPE_CHECKING:
    from collections.abc import Callable


class ProgressThrottle:
    """Passes events on, but progress within one phase at most `per_second` times a second.

    A new phase (or a new detail of one that cannot tell how far it is), the end of a phase, the last step, a
    saved output and the end always pass. Use it from one thread.
    """

    def __init__(
        self,
        emit: Callable[[JobEvent], None],
        per_second: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._interval_s = 1.0 / per_second
        self._clock = clock
        self._last_s = float("-inf")
        self._phase: tuple[PhaseName, str | None] | None = None

    def __call__(self, event: JobEvent) -> None:
        """Pass `event` on, or drop it."""
        match event:
            case Phase(name=name, fraction=None, detail=detail) if (name, detail) != self._phase:
                self._phase = (name, detail)
            case Phase(name=name, fraction=float()) if (name, None) != self._phase:
                self._phase = (name, None)
            case Phase(fraction=fraction) if fraction is not None and fraction >= 1:
                pass
            case Step(index=index, total=total) if index >= total:
                pass
            case Phase() | Step() if self._clock() - self._last_s < self._interval_s:
                return
            case _:
                pass
        self._last_s = self._clock()
        self._emit(event)
