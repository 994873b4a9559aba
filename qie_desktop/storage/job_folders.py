"""Folders of jobs: their names, how one comes to be, who holds one, and how one goes.

A job that is queued or runs holds a lock (`flock`) on `.lock` in its folder. The system itself drops the lock
when the process ends, SIGKILL included, and cannot mistake another process for it; a process id on disk would
need its start time beside it, and still be a guess across machines that share a folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qie_desktop.core.errors import JobNotFound, StorageError
from qie_desktop.core.job import new_job_id
from qie_desktop.storage import atomic
from qie_desktop.storage.job_metadata import METADATA_NAME

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

LOCK_NAME = ".lock"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PART = re.compile(r"\.[A-Za-z0-9].*\.part")
_TRIES = 50
_UNLOCKED_PART_AGE_S = 60.0
"""A folder that is just being made is without its lock for an instant."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A job's folder that is being filled under another name: `final` is where it will be."""

    job_id: str
    path: Path
    final: Path
    lock: int


def checked_id(job_id: str) -> str:
    """Return `job_id` where it can be the name of a job's folder. Raises JobNotFound."""
    if not _ID.fullmatch(job_id):
        raise JobNotFound(f'"{job_id}" cannot be the id of a job.', "See `qie jobs list`.")
    return job_id


def names(jobs: Path) -> list[str]:
    """Return the names of all that looks like a job's folder, without looking into any."""
    try:
        with os.scandir(jobs) as entries:
            return [entry.name for entry in entries if _ID.fullmatch(entry.name)]
    except OSError:
        return []


def job_ids(jobs: Path) -> dict[str, int]:
    """Return the id of every folder with metadata, and the time of that file in nanoseconds."""
    found: dict[str, int] = {}
    try:
        with os.scandir(jobs) as entries:
            for entry in entries:
                if _ID.fullmatch(entry.name):
                    with contextlib.suppress(OSError):
                        found[entry.name] = (Path(entry.path) / METADATA_NAME).stat().st_mtime_ns
    except OSError:
        return {}
    return found


@contextlib.contextmanager
def new_folder(jobs: Path, at: datetime) -> Generator[Draft]:
    """Make a job's folder: filled under a hidden name, then renamed, so that it is there whole or not at all.

    Its lock is held, and goes on being held after. Raises StorageError or DiskFull, and leaves nothing then.
    """
    draft = _begin(jobs, at)
    try:
        yield draft
        with atomic.mapped_errors(draft.final, "write"):
            draft.path.rename(draft.final)
            atomic.sync_folder(jobs)
    except BaseException:
        shutil.rmtree(draft.path, ignore_errors=True)
        os.close(draft.lock)
        raise


def remove_folder(folder: Path) -> None:
    """Delete a job's folder: hidden first, so that a crash half-way leaves no half job to be seen.

    Raises StorageError.
    """
    hidden = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}.part")
    with atomic.mapped_errors(folder, "delete"):
        folder.rename(hidden)
        shutil.rmtree(hidden)


def sweep(jobs: Path) -> list[Path]:
    """Remove folders that were half-made or half-deleted by processes that are gone, and return them."""
    try:
        parts = [path for path in jobs.iterdir() if _PART.fullmatch(path.name) and path.is_dir()]
    except OSError:
        return []
    return [path for path in parts if _swept(path)]


class Claims:
    """The jobs that this process has queued or runs, by the locks that it holds. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}

    def adopt(self, draft: Draft) -> None:
        """Go on holding a new job."""
        with self._lock:
            self._held[draft.job_id] = draft.lock

    def take(self, folder: Path) -> bool:
        """Hold a job; return False where another process holds it. Raises StorageError."""
        with self._lock:
            if folder.name in self._held:
                return True
            with atomic.mapped_errors(folder / LOCK_NAME, "lock"):
                handle = atomic.try_lock_file(folder / LOCK_NAME)
            if handle is not None:
                self._held[folder.name] = handle
            return handle is not None

    def drop(self, folder: Path) -> None:
        """Hold a job no longer; one that is not held stays as it is."""
        with self._lock:
            handle = self._held.pop(folder.name, None)
            if handle is not None:
                # Removed while it is held: whoever has opened it sees that it is gone, and makes a new one.
                with contextlib.suppress(OSError):
                    (folder / LOCK_NAME).unlink(missing_ok=True)
                os.close(handle)

    def holds(self, job_id: str) -> bool:
        """Whether this process holds the job."""
        with self._lock:
            return job_id in self._held

    def held_by_anyone(self, folder: Path) -> bool:
        """Whether any living process holds the job, this one included."""
        return self.holds(folder.name) or not _is_free(folder / LOCK_NAME)

    def drop_all(self) -> None:
        """Hold nothing any longer; the lock files stay, as after a crash."""
        with self._lock:
            for handle in self._held.values():
                os.close(handle)
            self._held.clear()


def _begin(jobs: Path, at: datetime) -> Draft:
    for _ in range(_TRIES):
        job_id = new_job_id(at)
        part, final = jobs / f".{job_id}.part", jobs / job_id
        with atomic.mapped_errors(part, "write"):
            jobs.mkdir(parents=True, exist_ok=True)
            try:
                part.mkdir()
            except FileExistsError:
                continue
            # Looked at only now: whoever had this id has renamed its folder before this one could be made.
            lock = None if final.exists() else atomic.try_lock_file(part / LOCK_NAME)
            if lock is not None:
                return Draft(job_id, part, final, lock)
            part.rmdir()
    raise StorageError(f"No free name for a job was found in {jobs}.", "Wait a second and try again.")


def _is_free(lock_file: Path) -> bool:
    """Whether nobody holds this lock; a file that is not there is not made."""
    if not lock_file.exists():
        return True
    try:
        handle = atomic.try_lock_file(lock_file)
    except OSError:
        return True
    if handle is not None:
        os.close(handle)
    return handle is not None


def _swept(part: Path) -> bool:
    try:
        lock_file = part / LOCK_NAME
        young = time.time() - part.stat().st_mtime < _UNLOCKED_PART_AGE_S
        if not _is_free(lock_file) or (young and not lock_file.exists()):
            return False
    except OSError:
        return False
    shutil.rmtree(part, ignore_errors=True)
    return not part.exists()
