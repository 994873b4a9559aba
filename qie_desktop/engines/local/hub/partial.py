"""A file that is coming: what is there of it on the disk, and the hash of that."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

from qie_desktop.engines.local.hub.hashing import feed, new_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from qie_desktop.engines.local.hub.records import FileRecord


class PartialFile:
    """Written without a buffer: what is written outlasts the process, whatever becomes of it.

    `on_change` is told by how much the number of bytes on the disk changes, and whether they came over the
    network. Raises OSError.
    """

    def __init__(self, path: Path, file: FileRecord, on_change: Callable[[int, bool], None]) -> None:
        self._path = path
        self._file = file
        self._on_change = on_change
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out = path.open("ab", buffering=0)
        self._hashing = new_hash(file.etag, file.size)
        self.size = self._out.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._out.close()

    @property
    def missing(self) -> int:
        """How many bytes are to come."""
        return self._file.size - self.size

    def read_in(self, on_read: Callable[[int], None]) -> None:
        """Take what is there into the hash; what is too long to be it is thrown away."""
        if self.missing < 0:
            self.restart()
        elif self.size:
            feed(self._hashing, self._path, on_read)

    def restart(self) -> None:
        """Throw away what is there."""
        self._on_change(-self.size, False)
        self._out.truncate(0)
        self._hashing = new_hash(self._file.etag, self._file.size)
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add bytes, no more than are missing."""
        piece = piece[: self.missing]
        view = memoryview(piece)
        while view:
            # Without a buffer a write may take a part, as when the disk becomes full.
            view = view[self._out.write(view) :]
        self._hashing.update(piece)
        self.size += len(piece)
        self._on_change(len(piece), True)

    def is_right(self) -> bool:
        """Whether all of it is on the disk, and has the hash that it should have."""
        os.fsync(self._out.fileno())
        return not self.missing and self._hashing.hexdigest() == self._file.etag


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 where there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
