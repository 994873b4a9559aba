"""Files that are whole at any instant, written beside and renamed; and locks that die with their process.

A write goes to `.{name}.{hex}.part` in the same folder, which is locked (`flock`) while it is being written:
so a sweep can tell a leftover of a killed process from a file that another process is just writing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from qie_desktop.core.errors import DiskFull, StorageError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.part")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_LOCKS = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all. Raises DiskFull or StorageError."""
    with _replacing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Put `text` at `path` in UTF-8, whole or not at all. Raises DiskFull or StorageError.

    What is no text (half a surrogate pair, as odd file names and arguments have it) becomes a question mark.
    """
    write_bytes(path, text.encode(errors="replace"))


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of `source` to `target`, whole or not at all. Raises DiskFull or StorageError."""
    with mapped_errors(source, "read"):
        opened = source.open("rb")
    with opened, _replacing(target) as file:
        shutil.copyfileobj(opened, file, 1024 * 1024)


def append_line(path: Path, line: str) -> None:
    """Add one line to a file that several processes may add to, whole or not at all.

    A last line that a crash cut short is ended first, so that it cannot spoil this one. Raises DiskFull or
    StorageError.
    """
    with mapped_errors(path, "write to"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            _lock(handle, fcntl.LOCK_EX)
            end = os.fstat(handle).st_size
            cut = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
            data = ("\n" if cut else "").encode() + line.rstrip("\n").encode() + b"\n"
            try:
                _write_all(handle, data)
            except OSError:
                os.ftruncate(handle, end)
                raise
        finally:
            os.close(handle)


@contextlib.contextmanager
def temporary(path: Path) -> Generator[tuple[Path, BinaryIO]]:
    """Give a file beside `path`, open for writing, that is removed in the end, or swept after a kill.

    Raises StorageError or DiskFull where it, or what is written within, fails for want of a disk.
    """
    with mapped_errors(path, "write"):
        part, handle = _open_part(path)
        try:
            with os.fdopen(handle, "wb") as file:
                yield part, file
        finally:
            part.unlink(missing_ok=True)


def sweep_leftovers(folder: Path) -> list[Path]:
    """Remove from `folder` what killed processes left half-written, and return it.

    A file that a live process is writing stays.
    """
    try:
        found = [path for path in folder.iterdir() if _LEFTOVER.fullmatch(path.name)]
    except OSError:
        return []
    return [path for path in found if _removed_if_unlocked(path)]


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold a folder alone, among all threads and processes that ask for it in this way, for a short while.

    For reading, changing and writing back. Not reentrant. Raises StorageError when the folder cannot be
    opened.
    """
    with mapped_errors(folder, "open"):
        handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def try_lock_file(path: Path) -> int | None:
    """Lock `path` until the handle that is returned is closed or the process ends, however it ends.

    Returns None where another process, or another handle of this one, holds it.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
            os.close(handle)
            return None
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # its last holder has just removed it


def set_aside(path: Path, stamp: str) -> Path | None:
    """Rename a damaged file to `{name}.damaged-{stamp}`, so that nothing is lost; return the new path."""
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        path.replace(aside)
    except OSError:
        return None
    return aside


def sync_folder(folder: Path) -> None:
    """See that renames within a folder outlast a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems do not sync folders; the rename stands all the same.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def mapped_errors(path: Path, doing: str) -> Generator[None]:
    """Turn an OSError of what is done to `path` into DiskFull or StorageError, with what to do about it."""
    try:
        yield
    except OSError as error:
        raise_mapped(error, path, doing)


def raise_mapped(error: OSError, path: Path, doing: str) -> NoReturn:
    """Raise the DiskFull or StorageError that this OSError means."""
    if error.errno in _NO_ROOM:
        raise DiskFull(
            f"There is no room left on the disk to write in {path.parent}.",
            "Make room, for example with `qie cleanup`, and try again.",
        ) from error
    reason = os.strerror(error.errno) if error.errno else str(error)
    raise StorageError(
        f"Cannot {doing} {path}: {reason}.",
        f"See that {path.parent} is there and that you may write in it, or set QIE_HOME to another folder.",
    ) from error


@contextlib.contextmanager
def _replacing(path: Path) -> Generator[BinaryIO]:
    with mapped_errors(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        part, handle = _open_part(path)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                # Renamed while it is still locked: until then a sweep would see a leftover.
                part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def _open_part(path: Path) -> tuple[Path, int]:
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        _lock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # swept between being made and being locked


def _removed_if_unlocked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        if not _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
        # Renamed to its final name in the meantime, it is no longer here and stays.
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _write_all(handle: int, data: bytes) -> None:
    if os.write(handle, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)


def _lock(handle: int, how: int) -> bool:
    """Return whether the lock is held; a file system without locks counts as held."""
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
