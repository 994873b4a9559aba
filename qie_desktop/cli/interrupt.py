"""Ctrl+C: the first cancels the job, a second, or five seconds, ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qie_desktop.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Generator

    from qie_desktop.core.cancel import CancelToken

GRACE_S = 5.0
"""How long a cancelled job may take to let go."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def cancelling_on_interrupt(cancel: CancelToken) -> Generator[None]:
    """While this lasts, SIGINT and SIGTERM set `cancel`. Main thread only.

    A second signal, or `GRACE_S` after the first, ends the process with status 130: a computation that does
    not look at the token cannot be ended otherwise. The job is noted as interrupted at the next start.
    """
    timer: threading.Timer | None = None

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal timer
        if timer is not None:
            _end_process()
        cancel.cancel()
        timer = threading.Timer(GRACE_S, _end_process)
        timer.daemon = True
        timer.start()
        # Not through rich: the signal may have come in the middle of its writing.
        os.write(sys.stderr.fileno(), b"\nCancelling... (Ctrl+C again to quit at once)\n")

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_process() -> None:
    if sys.stderr.isatty():
        # The progress bar has hidden the cursor.
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")
    os._exit(ExitCode.CANCELLED)
