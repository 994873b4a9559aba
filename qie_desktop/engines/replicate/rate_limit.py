"""One limit for all jobs: when the API asks to wait, all of them wait, and then go one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qie_desktop.core.cancel import CancelToken

_SPACING_S = 0.2
"""Between two of those that have waited, so that they do not all come at once."""


class RateLimit:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._free_at = 0.0

    @property
    def wait_s(self) -> float:
        """For how long to wait now."""
        return max(0.0, self._free_at - time.monotonic())

    def throttled(self, wait_s: float) -> None:
        """Note that the API asks to wait for so long."""
        self._free_at = max(self._free_at, time.monotonic() + wait_s)

    async def turn(self, cancel: CancelToken) -> None:
        """Wait until it may be asked again. Raises JobCancelled as soon as the token is set."""
        waited = False
        while (wait_s := self.wait_s) > 0:
            waited = True
            await cancel.wait_async(wait_s)
            cancel.raise_if_cancelled()
        if waited:
            self.throttled(_SPACING_S)
