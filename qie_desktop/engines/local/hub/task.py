"""A download or a check, from its start to its end: state on the disk, pause, and how it ended."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.core.download import TaskPhase
from qie_desktop.core.errors import InternalError, QieError
from qie_desktop.engines.local.hub.activity import Activity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.download import DownloadState
    from qie_desktop.engines.local.hub.task_file import TaskFile

logger = logging.getLogger(__name__)

_POLL_S = 0.1
_WRITE_S = 0.25
_GRACE_S = 0.6
"""How long the threads may take to stop. After that they are left behind: the process ends with them, and
what they have written is on the disk."""


def run_task(  # noqa: PLR0913, PLR0917 - the whole of a task
    work: Callable[[CancelToken, Activity], None],
    state: DownloadState,
    folder: Path,
    file: TaskFile,
    cancel: CancelToken,
    on_state: Callable[[DownloadState], None] | None = None,
) -> DownloadState:
    """Do the work on a thread of its own, and tell how far it is in `file`, and `on_state`, meanwhile.

    `folder` is on the disk that is written to. Returns how it ended: DONE, PAUSED within a second of `cancel`
    being set, or FAILED with its error. The caller holds the lock. Raises nothing.
    """
    activity = Activity(state, folder)
    errors: list[QieError] = []

    def run() -> None:
        try:
            work(cancel, activity)
        except JobCancelled:
            pass
        except QieError as error:
            errors.append(error)
        except Exception as error:
            logger.exception("Unforeseen")
            errors.append(
                InternalError(
                    f"Something went wrong that was not foreseen ({type(error).__name__}).", "See the log."
                )
            )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    written_s = deadline_s = float("-inf")
    while thread.is_alive():
        now = time.monotonic()
        if cancel.cancelled:
            deadline_s = now + _GRACE_S if deadline_s < 0 else deadline_s
            if now > deadline_s:
                break
        if now - written_s >= _WRITE_S:
            written_s = now
            _tell(activity.state(), file, on_state)
        thread.join(_POLL_S)
    ended = _ended(activity.state(), errors, cancel)
    _tell(ended, file, on_state)
    return ended


def _ended(state: DownloadState, errors: list[QieError], cancel: CancelToken) -> DownloadState:
    phase = TaskPhase.DONE
    if errors:
        phase = TaskPhase.FAILED
    elif cancel.cancelled:
        phase = TaskPhase.PAUSED
    error = errors[0].info() if errors else None
    return replace(state, phase=phase, detail="", error=error, bytes_per_second=None, seconds_left=None)


def _tell(state: DownloadState, file: TaskFile, on_state: Callable[[DownloadState], None] | None) -> None:
    file.write(state)
    if on_state is not None:
        on_state(state)
