"""The one download, or check, of a data folder, as other processes see it: a small file and a lock.

downloads/state.json   how far it is, written a few times a second
downloads/lock         held by the process that is at it, with its id inside; free when that has ended,
                       however it ended
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, cast

from qie_desktop.core.download import DownloadState, TaskKind, TaskPhase
from qie_desktop.core.download_errors import DownloadRunning
from qie_desktop.core.errors import ErrorInfo
from qie_desktop.core.model_parts import DownloadChoice
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path

_LOCK_PATIENCE_S = 0.5
"""A look at the lock takes it for an instant; so the one who needs it tries for a while."""
_LOCK_POLL_S = 0.02


class TaskFile:
    """The state and the lock in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / "state.json"
        self._lock = folder / "lock"

    def acquire(self) -> int:
        """Take the lock: a handle, which holds it until it is closed, here and in processes that inherit it.

        Raises DownloadRunning where another has it, and StorageError.
        """
        with atomic.mapped_errors(self._lock, "lock"):
            self.folder.mkdir(parents=True, exist_ok=True)
            deadline = time.monotonic() + _LOCK_PATIENCE_S
            while True:
                handle = atomic.try_lock_file(self._lock)
                if handle is not None:
                    # A process that was killed has left its id, which may be another's by now.
                    self.note_pid(handle, 0)
                    return handle
                if time.monotonic() > deadline:
                    raise DownloadRunning(
                        "A download is running already.", "Wait until it is done, or pause it first."
                    )
                time.sleep(_LOCK_POLL_S)

    def note_pid(self, handle: int, pid: int) -> None:
        """Write into the lock that one holds which process is at it."""
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(pid).encode(), 0)

    def release(self, handle: int) -> None:
        """Give the lock back."""
        self.note_pid(handle, 0)
        os.close(handle)

    def runner(self) -> int | None:
        """Return the id of the process that is at it; None where there is none. 0: it is just starting."""
        try:
            handle = os.open(self._lock, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._pid() or 0
        except OSError:
            return None
        finally:
            os.close(handle)
        return None

    def read(self) -> DownloadState | None:
        """Return how far it is; INTERRUPTED where it should be running and no process is at it."""
        try:
            state = _from_json(json.loads(self._state.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if state.is_running and self.runner() is None:
            # It may have ended between the two looks.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                state = _from_json(json.loads(self._state.read_text(encoding="utf-8")))
            if state.is_running:
                return replace(state, phase=TaskPhase.INTERRUPTED, bytes_per_second=None, seconds_left=None)
        return state

    def write(self, state: DownloadState) -> None:
        """Put the state, whole. A full disk is no reason to fail: it is told of the download itself."""
        fresh = self._state.with_name(f".state.{os.getpid()}")
        data = asdict(replace(state, updated=time.time()))
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not synced: after a loss of power it is a state too old, and that of a process that has ended.
            fresh.write_text(json.dumps(data), encoding="utf-8")
            fresh.replace(self._state)

    def clear(self) -> None:
        """Forget it."""
        with contextlib.suppress(OSError):
            self._state.unlink(missing_ok=True)

    def _pid(self) -> int | None:
        try:
            return int(self._lock.read_text(encoding="utf-8") or 0) or None
        except (OSError, ValueError):
            return None


def _from_json(data: object) -> DownloadState:
    values = dict(cast("dict[str, Any]", data))
    error = values.pop("error")
    return DownloadState(
        task=TaskKind(values.pop("task")),
        choice=DownloadChoice(**values.pop("choice")),
        part_ids=tuple(values.pop("part_ids")),
        phase=TaskPhase(values.pop("phase")),
        error=ErrorInfo(**error) if error else None,
        **values,
    )
