"""Moving folders to the system's Trash and back; where there is none, to a folder of our own."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFile

from qie_desktop.core.errors import StorageError
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_TRASH = ".trash"
"""The name, inside the data folder, of what stands in for a Trash."""

_INFO = ("info", ".trashinfo")
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class TrashedFolder:
    """A folder that was moved: where it was, where it is, and whether that is the system's Trash."""

    original: Path
    now_at: Path
    in_system: bool


def move_to_system_trash(folder: Path) -> Path | None:
    """Move a folder to the system's Trash; return where it is now, or None where it cannot be had there."""
    file = QFile(str(folder))
    if not file.moveToTrash() or folder.exists():
        return None
    now_at = Path(file.fileName())
    return now_at if now_at != folder and now_at.exists() else Path()


def trash_folder(
    folder: Path,
    own_trash: Path,
    system: Callable[[Path], Path | None] = move_to_system_trash,
) -> TrashedFolder:
    """Move a folder to the Trash, or into `own_trash` where there is none. For any thread.

    Raises StorageError or DiskFull; then the folder is where it was.
    """
    now_at = system(folder)
    if now_at is not None:
        return TrashedFolder(folder, now_at, in_system=True)
    with atomic.mapped_errors(own_trash, "write"):
        own_trash.mkdir(parents=True, exist_ok=True)
    with atomic.mapped_errors(folder, "move"):
        target = _free(own_trash / folder.name)
        shutil.move(folder, target)
    return TrashedFolder(folder, target, in_system=False)


def bring_back(trashed: TrashedFolder) -> None:
    """Move a folder back to where it was. For any thread. Raises StorageError."""
    if trashed.original.exists():
        raise StorageError(
            f"There is another {trashed.original.name} by now.", "It was left in the Trash; nothing is lost."
        )
    if trashed.now_at == Path() or not os.path.lexists(trashed.now_at):
        raise StorageError(
            f"{trashed.original.name} is no longer where it was put.",
            "If it is still in the Trash, put it back from there.",
        )
    with atomic.mapped_errors(trashed.original, "bring back"):
        trashed.original.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(trashed.now_at, trashed.original)
    _remove_note(trashed)


def _remove_note(trashed: TrashedFolder) -> None:
    """Remove what a Trash of freedesktop.org's kind has noted about the folder."""
    folder, suffix = _INFO
    note = trashed.now_at.parent.parent / folder / f"{trashed.now_at.name}{suffix}"
    if trashed.in_system and trashed.now_at.parent.name == "files":
        note.unlink(missing_ok=True)


def _free(path: Path) -> Path:
    if not os.path.lexists(path):
        return path
    names = (path.with_name(f"{path.name} {number}") for number in range(2, _TRIES))
    return next(name for name in names if not os.path.lexists(name))
