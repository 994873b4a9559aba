"""The folder of LoRA files: what is in it, and taking a file into it."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from qie_desktop.core.errors import StorageError
from qie_desktop.core.loras import SUFFIX
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path

_HASH_CHARS = 8


def lora_names(folder: Path) -> list[str]:
    """Return the names of the LoRA files in the folder, as people sort them; none where there is none."""
    if not folder.is_dir():
        return []
    with atomic.mapped_errors(folder, "read"):
        names = [path.name for path in folder.iterdir() if path.suffix.lower() == SUFFIX and path.is_file()]
    return sorted((name for name in names if not name.startswith(".")), key=str.casefold)


def take_in(folder: Path, path: Path, name: str) -> str:
    """Put a file into the folder, and return the name under which it is there.

    A hard link where the disk allows one, which takes no room, else a copy: either stays when the original
    is moved or deleted. Where another file has this name, a part of the content's hash is added to it; the
    same content is not taken twice. Raises StorageError or DiskFull.
    """
    source = path.resolve()
    if source.parent == folder.resolve():
        return source.name
    target = folder / name
    if target.exists() and not _same(source, target):
        stem, suffix = name[: -len(SUFFIX)], name[-len(SUFFIX) :]
        target = folder / f"{stem}-{_sha256(source)[:_HASH_CHARS]}{suffix}"
    if not target.exists():
        with atomic.mapped_errors(folder, "make"):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            # Another disk, or one without links.
            atomic.copy_file(source, target)
    return target.name


def _same(one: Path, other: Path) -> bool:
    if one.samefile(other):
        return True
    return one.stat().st_size == other.stat().st_size and _sha256(one) == _sha256(other)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path.name} cannot be read ({error.strerror}).", "Check the file.") from error
