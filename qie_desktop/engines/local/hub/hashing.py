"""The hashes by which the hub and its cache name contents."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Hashing(Protocol):
    """A hash that is being made."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """Return the hash of all that was taken in."""
        ...


_SHA256_CHARS = 64
_PIECE = 4 * 1024 * 1024


def new_hash(etag: str, size: int) -> Hashing:
    """Return the hash that an etag is made with: SHA-256 of large files, git's blob hash of small ones."""
    if len(etag) == _SHA256_CHARS:
        return hashlib.sha256()
    # Not for security: it is how git names contents.
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def is_hash(etag: str) -> bool:
    """Whether an etag names contents at all."""
    return len(etag) in {40, _SHA256_CHARS} and all(mark in "0123456789abcdef" for mark in etag)


def feed(hashing: Hashing, path: Path, on_read: Callable[[int], None]) -> None:
    """Feed a file's bytes to a hash; `on_read` is told of every piece, and may raise. Raises OSError."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hashing.update(piece)
            on_read(len(piece))
