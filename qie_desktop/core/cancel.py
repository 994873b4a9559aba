"""Cancelling: a token that is set from any thread, and the outcome that it leads to."""

from __future__ import annotations

import threading
import time


class JobCancelled(Exception):
    """The person cancelled; raised inside an engine to unwind it, caught by `run_job`."""


class CancelToken:
    """A flag that is set once, from any thread, and looked at or waited on from any other.

    It is called directly, never through a queued slot, so that cancelling does not wait for an event loop.
    It replaces every sleep: `wait` and `wait_async` return as soon as the token is set.
    """

    _POLL_S = 0.05

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Set the flag; doing so again changes nothing."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` has been called."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise `JobCancelled` when the flag is set."""
        if self._event.is_set():
            raise JobCancelled

    def wait(self, timeout_s: float) -> bool:
        """Block this thread for at most `timeout_s` seconds; return whether the token was set."""
        return self._event.wait(timeout_s)

    async def wait_async(self, timeout_s: float) -> bool:
        """Let the event loop run for at most `timeout_s` seconds; return whether the token was set."""
        import asyncio  # noqa: PLC0415 - a front that waits on a loop has it; the window's start is quicker without

        deadline = time.monotonic() + timeout_s
        while not self._event.is_set():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            await asyncio.sleep(min(self._POLL_S, left_s))
        return self._event.is_set()
