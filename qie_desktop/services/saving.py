"""Saving results elsewhere: copies of the person's own, in the format that the name asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.imaging.embedding import encode, format_for
from qie_desktop.imaging.fitting import with_alpha
from qie_desktop.imaging.opening import open_picture
from qie_desktop.storage import atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore

_NAME_CHARS = 60
_SAME = {".jpeg": ".jpg"}


def save_copy(job: Job, source: Path, target: Path) -> None:
    """Write a result to a file, whole or not at all, with the request in it. Off the GUI thread.

    Raises InvalidRequest for a name that is of no format that can be written, StorageError or DiskFull.
    """
    if _suffix(target) == _suffix(source):
        atomic.copy_file(source, target)
        return
    kind = format_for(target)
    picture = open_picture(source)
    atomic.write_bytes(target, encode(with_alpha(picture.rgb, picture.alpha), kind, job.request.to_json()))


def save_copies(store: JobStore, results: Iterable[tuple[str, int]], folder: Path, suffix: str) -> list[Path]:
    """Write results (job id, index) into a folder under names of their own; return where they are.

    `suffix` (".png") says the format. Nothing that is there is overwritten. Off the GUI thread.
    """
    written: list[Path] = []
    for job_id, index in results:
        job = store.load(job_id)
        source = store.output_path(job, job.outputs[index])
        target = free_name(folder, proposed_name(job, index), suffix)
        save_copy(job, source, target)
        written.append(target)
    return written


def proposed_name(job: Job, index: int) -> str:
    """Return a file's name, without suffix, for a result: its prompt, and a number if there are more."""
    words = "".join(letter if letter.isalnum() else " " for letter in job.request.prompt).split()
    name = " ".join(words)[:_NAME_CHARS].strip() or job.job_id
    return f"{name} {index + 1}" if len(job.outputs) > 1 else name


def free_name(folder: Path, name: str, suffix: str) -> Path:
    """Return a path in the folder that is not taken."""
    path, number = folder / f"{name}{suffix}", 2
    while path.exists():
        path, number = folder / f"{name} ({number}){suffix}", number + 1
    return path


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return _SAME.get(suffix, suffix)
