"""Turning what was dropped into picture files that can be used. All of it blocks: off the GUI thread."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.errors import InputImageError, QieError, StorageError
from qie_desktop.imaging.opening import probe
from qie_desktop.storage.atomic import mapped_errors
from qie_desktop.ui.controls.dropped import (
    Dropped,
    DroppedBytes,
    DroppedFile,
    DroppedPixels,
    DroppedRefusal,
    DroppedUrl,
)
from qie_desktop.ui.controls.pictures import LoadedPicture, load_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.ui.controls.fetch_limits import FetchLimits

_KEPT_S = 2 * 24 * 3600
"""How long files made of drops are kept: jobs have copies of their own."""

_FOLDER_LIMIT = 2000
"""How many files of a folder are looked at."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A picture that can be used."""

    path: Path
    picture: LoadedPicture


@dataclass(frozen=True, slots=True)
class Desk:
    """What receiving works with: where files are put, how the web is asked, and when to stop."""

    folder: Path
    limits: FetchLimits
    cancel: CancelToken


def unfold(things: Sequence[Dropped], limit: int) -> tuple[list[Dropped], int]:
    """Return at most `limit` things, with folders replaced by their pictures, and how many more there are."""
    found: list[Dropped] = []
    for thing in things:
        if isinstance(thing, DroppedFile) and thing.path.is_dir():
            found += _pictures_in(thing.path)
        else:
            found.append(thing)
    return found[:limit], max(0, len(found) - limit)


def receive(thing: Dropped, desk: Desk) -> Arrival:
    """Return the picture file that a thing is or becomes, decoded once.

    Whether the model takes one of its size is said where it is shown: a scaled copy may stand for it.

    Raises InputImageError, StorageError or DiskFull saying why not, and JobCancelled.
    """
    path = _file_of(thing, desk)
    try:
        picture = load_picture(path)
    except QieError:
        if not isinstance(thing, DroppedFile):
            shutil.rmtree(path.parent, ignore_errors=True)
        raise
    return Arrival(path, picture)


def sweep(folder: Path) -> None:
    """Remove what was made of drops days ago."""
    oldest = time.time() - _KEPT_S
    if folder.is_dir():
        for child in folder.iterdir():
            if child.is_dir() and child.stat().st_mtime < oldest:
                shutil.rmtree(child, ignore_errors=True)


def _file_of(thing: Dropped, desk: Desk) -> Path:
    match thing:
        case DroppedFile(path):
            return path
        case DroppedUrl(url):
            from qie_desktop.ui.controls.url_fetcher import (  # noqa: PLC0415 - most sessions fetch nothing
                fetch_picture,
            )

            return fetch_picture(url, desk.folder, desk.cancel, desk.limits)
        case DroppedBytes(data, suffix):
            if len(data) > desk.limits.max_bytes:
                raise InputImageError(
                    "images", "The picture is larger than can be taken.", "Save it, and drop the file."
                )
            path = _new_file(desk.folder, suffix)
            with mapped_errors(path, "write"):
                path.write_bytes(data)
            return path
        case DroppedPixels(image):
            path = _new_file(desk.folder, ".png")
            if not image.save(str(path)):
                raise StorageError(f"Cannot write {path}.", f"See that you may write in {path.parent}.")
            return path
        case DroppedRefusal(error):
            raise error


def _new_file(folder: Path, suffix: str) -> Path:
    path = folder / secrets.token_hex(4) / f"pasted{suffix}"
    with mapped_errors(path, "write"):
        path.parent.mkdir(parents=True)
    return path


def _pictures_in(folder: Path) -> list[Dropped]:
    """Return the pictures in a folder itself, in the order in which the Finder shows names."""
    try:
        files = sorted(
            (path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")),
            key=_natural,
        )
    except OSError as error:
        return [_nothing_in(f"{folder.name} cannot be opened: {error.strerror}.")]
    found: list[Dropped] = [DroppedFile(path) for path in files[:_FOLDER_LIMIT] if _is_picture(path)]
    return found or [_nothing_in(f"There are no pictures in {folder.name}.")]


def _nothing_in(message: str) -> DroppedRefusal:
    hint = "Drop another folder, or the pictures themselves."
    return DroppedRefusal(InputImageError("images", message, hint))


def _is_picture(path: Path) -> bool:
    try:
        probe(path)
    except QieError:
        return False
    return True


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key by which "2.png" comes before "10.png"."""
    parts = re.findall(r"\d+|\D+", path.name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
