"""Asking again: for everything that may be asked twice, until an answer comes or the time is up."""

from __future__ import annotations

import asyncio
import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.engines.replicate.refusals import Refusal
from qie_desktop.engines.replicate.wire import NotSent, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.engines.replicate.rate_limit import RateLimit

_Answer = TypeVar("_Answer")

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0


class OutOfPatience(Exception):
    """No answer came in time; the cause is the last failure."""


def pause_s(attempt: int) -> float:
    """Return the pause after failure number `attempt` (from 0): doubling, and never the same for two jobs."""
    return min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


async def until_cancelled(work: Coroutine[Any, Any, _Answer], cancel: CancelToken) -> _Answer:
    """Return what comes of `work`; drop it and raise JobCancelled as soon as the token is set."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(cancel.wait_async(math.inf))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise JobCancelled
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a job waits for answers: until `deadline` (of `time.monotonic`), or until it is cancelled."""

    cancel: CancelToken
    limit: RateLimit
    deadline: float

    async def ask(self, request: Callable[[], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """Return the answer to something that may be asked twice.

        Raises JobCancelled, a Refusal that waiting will not change, and OutOfPatience at the deadline.
        """
        attempt = 0
        while True:
            await self.limit.turn(self.cancel)
            try:
                return await until_cancelled(request(), self.cancel)
            except Refusal as refusal:
                if refusal.is_throttled:
                    self.limit.throttled(refusal.wait_s)
                    attempt = 0
                elif not refusal.is_server_error:
                    raise
                last: Exception = refusal
            except (NotSent, Unanswered) as error:
                last = error
            await self.pause(attempt, last)
            attempt += 1

    async def pause(self, attempt: int, last: Exception | None = None) -> None:
        """Wait after failure number `attempt`. Raises JobCancelled, and OutOfPatience at the deadline."""
        wait_s = pause_s(attempt)
        if time.monotonic() + wait_s >= self.deadline:
            raise OutOfPatience from last
        await self.cancel.wait_async(wait_s)
        self.cancel.raise_if_cancelled()

    async def wait(self, seconds: float) -> None:
        """Wait. Raises JobCancelled as soon as the token is set."""
        await self.cancel.wait_async(seconds)
        self.cancel.raise_if_cancelled()
