"""Where `-o` puts the pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.errors import InvalidRequest
from qie_desktop.imaging.embedding import encode, format_for
from qie_desktop.imaging.fitting import with_alpha
from qie_desktop.imaging.opening import open_picture
from qie_desktop.services.keeping import note_saved
from qie_desktop.storage import atomic
from qie_desktop.storage.job_files import index_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.storage.job_store import JobStore


@dataclass(frozen=True, slots=True)
class Destination:
    """A file (several pictures are numbered: out-1.png, out-2.png) or an existing folder."""

    path: Path

    @classmethod
    def checked(cls, path: Path, inputs: Sequence[Path], count: int = 1) -> Destination:
        """Return the destination, if so many pictures can be put there.

        Raises InvalidRequest for a folder that is not there or cannot be written to, for a suffix that is not
        a picture's, and for one of the inputs, which would be lost.
        """
        folder = path if path.is_dir() else path.parent
        if not folder.is_dir():
            raise InvalidRequest(
                "output", f"There is no folder {folder}.", "Make it first, or choose another."
            )
        if not os.access(folder, os.W_OK):
            raise InvalidRequest("output", f"{folder} cannot be written to.", "Choose another folder.")
        if folder != path:
            format_for(path)
        targets = [path, *(_numbered(path, number) for number in range(1, count + 1) if count > 1)]
        for target in targets:
            if any(target.exists() and given.exists() and target.samefile(given) for given in inputs):
                raise InvalidRequest(
                    "output", f"{target} is an input: it would be overwritten.", "Choose another name."
                )
        return cls(path)

    def put(self, store: JobStore, job: Job) -> list[Path]:
        """Copy the pictures of a job there, each whole or not at all, and return where they are.

        That they were saved is noted in the job.
        """
        written: list[Path] = []
        for output in job.outputs:
            source = store.output_path(job, output)
            target = self._target(job, source, index_of(output.name) + 1)
            if target.suffix.lower() == source.suffix.lower():
                atomic.copy_file(source, target)
            else:
                picture = open_picture(source)
                image = with_alpha(picture.rgb, picture.alpha)
                atomic.write_bytes(target, encode(image, format_for(target), job.request.to_json()))
            note_saved(store, job.job_id, index_of(output.name))
            written.append(target)
        return written

    def _target(self, job: Job, source: Path, number: int) -> Path:
        if self.path.is_dir():
            return self.path / f"{job.job_id}_{number}{source.suffix}"
        if len(job.outputs) == 1:
            return self.path
        return _numbered(self.path, number)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
