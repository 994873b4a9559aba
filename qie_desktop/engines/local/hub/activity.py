"""What a task is doing, told by its threads and shown by the one that started it."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from qie_desktop.core.download import DownloadState, TaskPhase
from qie_desktop.core.errors import DiskFull
from qie_desktop.engines.local.hub.meter import Meter

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_S = 1.0
_MOST_SPARE = 2_000_000_000
_SPARE_SHARE = 10
_GB, _MB = 1_000_000_000, 1_000_000


def spare_bytes(missing_bytes: int) -> int:
    """Return how much is to stay free on the disk: a tenth of what comes, 2 GB at most."""
    return min(missing_bytes // _SPARE_SHARE, _MOST_SPARE)


def free_bytes(folder: Path) -> int:
    """Return how much is free on the disk that a folder is, or will be, on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_room(folder: Path, missing_bytes: int) -> None:
    """Raise DiskFull unless so many bytes, and something to spare, have room."""
    needed, free = missing_bytes + spare_bytes(missing_bytes), free_bytes(folder)
    if missing_bytes and needed > free:
        raise disk_full(folder, f"{_size(needed)} are needed, {_size(free)} are free")


def disk_full(folder: Path, why: str) -> DiskFull:
    """Return the error, with what to do."""
    return DiskFull(
        f"There is not enough room on the disk for the download in {folder}: {why}.",
        "Make room, or put HF_HOME on another disk. What has come is kept.",
    )


def _size(count: int) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB else f"{count / _MB:.0f} MB"


class Activity:
    """Phase, file and progress of a task; any thread tells, any thread looks."""

    def __init__(self, state: DownloadState, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._lock = threading.Lock()
        self._meter: Meter | None = None
        self._least_free = 0
        self._next_look_s = 0.0

    def expect(self, total: int, done: int) -> None:
        """Begin to count what is to be downloaded, of which some is there. Raises DiskFull."""
        require_room(self._folder, total - done)
        self._least_free = spare_bytes(total - done) // 4
        self.measure(total, done)

    def measure(self, total: int, done: int = 0) -> None:
        """Begin to count: so many bytes in all, of which some are done."""
        meter = Meter(total)
        meter.add(done, received=False)
        self._meter = meter

    def state(self) -> DownloadState:
        """Return how far it is."""
        with self._lock:
            state = self._state
        meter = self._meter
        if meter is None:
            return state
        rate, left = meter.rate()
        done = max(0, min(meter.done, meter.total))
        return replace(
            state, bytes_done=done, bytes_total=meter.total, bytes_per_second=rate, seconds_left=left
        )

    def fetching(self, name: str) -> None:
        """Bytes of a file are asked for."""
        self._show(TaskPhase.DOWNLOADING, name)

    def checking(self, name: str) -> None:
        """What is there of a file is read."""
        self._show(TaskPhase.CHECKING, name)

    def waiting(self, why: str) -> None:
        """Nothing comes for a while."""
        with self._lock:
            self._state = replace(self._state, phase=TaskPhase.WAITING, detail=why)

    def came(self, count: int, *, received: bool = True) -> None:
        """So many bytes are on the disk; negative: had to go. Raises DiskFull where the disk becomes full."""
        if self._meter is None:
            return
        self._meter.add(count, received=received)
        if not received:
            return
        with self._lock:
            now = time.monotonic()
            if self._state.phase is TaskPhase.WAITING:
                self._state = replace(self._state, phase=TaskPhase.DOWNLOADING, detail="")
            if now < self._next_look_s:
                return
            self._next_look_s = now + _LOOK_S
        if free_bytes(self._folder) < self._least_free:
            raise disk_full(self._folder, "it has become full in the meantime")

    def _show(self, phase: TaskPhase, name: str) -> None:
        with self._lock:
            self._state = replace(self._state, phase=phase, file=name, detail="")
