"""An SQLite index over the jobs, for listing and searching ten thousand of them at once.

The folders are the truth. The index can be thrown away at any time: it is made again when it is missing,
damaged or of another schema, and brought up to date by comparing the times of the metadata files.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import DiskFull, StorageError
from qie_desktop.core.job import now
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from qie_desktop.core.job import Job

_log = logging.getLogger(__name__)

SCHEMA = 1
_BUSY_TIMEOUT_MS = 10_000
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
  job_id TEXT PRIMARY KEY, state TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
  created_at REAL NOT NULL, outputs INTEGER NOT NULL, starred INTEGER NOT NULL, legacy INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, search TEXT NOT NULL, document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (created_at DESC, job_id DESC);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
"""
_NEWEST_FIRST = "ORDER BY created_at DESC, job_id DESC"


class IndexDamaged(StorageError):
    """The index was found damaged while in use; the next use makes it anew, empty."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A job as the index holds it: the job, its metadata as JSON text, and the time of that file."""

    job: Job
    document: str
    mtime_ns: int
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are wanted: every word of `search` in prompt or model, starred ones only, these states."""

    search: str = ""
    starred: bool = False
    states: tuple[str, ...] = ()

    def sql(self) -> tuple[str, list[str]]:
        """Return a WHERE clause and its arguments."""
        words = _folded(self.search).split()
        parts = ["instr(search, ?) > 0"] * len(words) + ["starred > 0"] * self.starred
        if self.states:
            parts.append(f"state IN ({', '.join('?' * len(self.states))})")
        return f"WHERE {' AND '.join(parts)}" if parts else "", [*words, *self.states]


class JobIndex:
    """The index in one file: one connection, used by one thread at a time; any number of processes.

    Opened on first use. `made_anew` is called when it has been made, empty, and must be filled; it may
    not use the index itself. Every method raises StorageError or DiskFull when the file cannot be used.
    """

    def __init__(self, path: Path, made_anew: Callable[[], None]) -> None:
        self._path = path
        self._made_anew = made_anew
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def put(self, entries: Iterable[IndexEntry]) -> None:
        """Add these jobs, or replace what was known of them, all at once."""
        rows = [_row(entry) for entry in entries]
        sql = f"INSERT OR REPLACE INTO jobs VALUES ({', '.join('?' * 11)})"
        with self._using() as connection, connection:
            connection.executemany(sql, rows)

    def remove(self, job_ids: Iterable[str]) -> None:
        """Forget these jobs."""
        rows = [(job_id,) for job_id in job_ids]
        with self._using() as connection, connection:
            connection.executemany("DELETE FROM jobs WHERE job_id = ?", rows)

    def documents(self, wanted: Filter, limit: int = -1, offset: int = 0) -> list[tuple[str, str]]:
        """Return the id and the metadata text of a page of jobs, newest first."""
        where, arguments = wanted.sql()
        sql = f"SELECT job_id, document FROM jobs {where} {_NEWEST_FIRST} LIMIT ? OFFSET ?"
        with self._using() as connection:
            return connection.execute(sql, (*arguments, limit, offset)).fetchall()

    def count(self, wanted: Filter) -> int:
        """Return how many jobs there are of this sort."""
        where, arguments = wanted.sql()
        with self._using() as connection:
            row: tuple[int] = connection.execute(f"SELECT count(*) FROM jobs {where}", arguments).fetchone()
        return row[0]

    def ids(self, prefix: str = "") -> list[str]:
        """Return the ids that begin like this, newest first."""
        sql = f"SELECT job_id FROM jobs WHERE substr(job_id, 1, ?) = ? {_NEWEST_FIRST}"
        with self._using() as connection:
            return [job_id for (job_id,) in connection.execute(sql, (len(prefix), prefix))]

    def times(self) -> dict[str, int]:
        """Return the time of each job's metadata, as it was when it was read."""
        with self._using() as connection:
            return dict(connection.execute("SELECT job_id, mtime_ns FROM jobs").fetchall())

    def close(self) -> None:
        """Close the file; it is opened again on the next use."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _using(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection, fresh = self._open()
                    if fresh:
                        self._made_anew()
                yield self._connection
            except sqlite3.Error as error:
                self._raise_mapped(error)

    def _open(self) -> tuple[sqlite3.Connection, bool]:
        """Return a connection to a sound index, and whether it is empty since it was made just now."""
        with atomic.mapped_errors(self._path, "open"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.locked(self._path.parent):
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            self._put_away()
            return self._connect()

    def _connect(self) -> tuple[sqlite3.Connection, bool]:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level="IMMEDIATE"
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            _check(connection)
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
            if schema == SCHEMA:
                return connection, False
            connection.execute("DROP TABLE IF EXISTS jobs")
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {SCHEMA}; COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection, True

    def _put_away(self) -> None:
        stamp = f"{now():%Y%m%d-%H%M%S}"
        for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
            aside = atomic.set_aside(self._path.with_name(name), stamp)
            if aside:
                _log.warning("The index was damaged and is made anew; the old one is kept as %s.", aside)

    def _raise_mapped(self, error: sqlite3.Error) -> NoReturn:
        if _is_damage(error):
            # Opening it again finds it damaged, and makes it anew.
            self.close()
            raise IndexDamaged(f"The index {self._path} is damaged.", "It is made anew.") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFull(
                f"There is no room left on the disk to write in {self._path.parent}.",
                "Make room, for example with `qie cleanup`, and try again.",
            ) from error
        raise StorageError(
            f"The index {self._path} cannot be used: {error}.",
            "See that you may write in that folder. The index can be removed: it is made anew.",
        ) from error


def _check(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _is_damage(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return type(error) is sqlite3.DatabaseError and (code is None or code & 0xFF in _DAMAGED)


def _row(entry: IndexEntry) -> tuple[str, str, str, str, float, int, int, bool, int, str, str]:
    job = entry.job
    names = [spec.name for spec in CATALOGUE if spec.id == job.request.model_id]
    return (
        job.job_id,
        job.state.value,
        job.request.model_id,
        _plain(job.request.prompt),
        job.created_at.timestamp(),
        len(job.outputs),
        sum(output.starred for output in job.outputs),
        entry.legacy,
        entry.mtime_ns,
        _folded("\n".join((job.request.prompt, job.request.model_id, *names))),
        entry.document,
    )


def _folded(text: str) -> str:
    """Return the text as it is compared: without case, and with one way to write each letter."""
    return unicodedata.normalize("NFKC", _plain(text)).casefold()


def _plain(text: str) -> str:
    """Return the text without half surrogate pairs, which SQLite does not take."""
    return text.encode(errors="replace").decode()
