"""What the gallery keeps of a job, for ten thousand of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from qie_desktop.storage.legacy_metadata import LegacyJob
from qie_desktop.ui.job_errors import error_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from qie_desktop.core.errors import ErrorInfo
    from qie_desktop.core.job import Job, JobState
    from qie_desktop.storage.job_store import JobStore

PackedPicture = tuple[str, int, int, bool]


class Picture(NamedTuple):
    """A result: its file's name in the job's folder, its size, and whether it is starred."""

    name: str
    width: int
    height: int
    starred: bool


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The facts of a `Job` that cells show and commands need.

    Strings, numbers and plain tuples of them only: these the garbage collector does not look through. Ten
    thousand whole jobs would make each of its rounds hold up the GUI thread by 30 ms more.
    """

    job_id: str
    state: JobState
    model_id: str
    prompt: str
    created_at: datetime
    packed_pictures: tuple[PackedPicture, ...]
    input_names: tuple[str, ...]
    error: ErrorInfo | None
    legacy: bool

    @property
    def picture_count(self) -> int:
        """How many pictures the job made."""
        return len(self.packed_pictures)

    def picture(self, index: int) -> Picture:
        """Return the picture at this place among the job's outputs."""
        return Picture(*self.packed_pictures[index])

    def picture_path(self, store: JobStore, index: int) -> Path:
        """Return where a picture is."""
        return self.folder(store) / self.packed_pictures[index][0]

    def folder(self, store: JobStore) -> Path:
        """Return where the job's folder is."""
        return store.data_folder.jobs / self.job_id


def facts_of(job: Job) -> JobFacts:
    """Return what the gallery keeps of a job."""
    return JobFacts(
        job_id=job.job_id,
        state=job.state,
        model_id=job.request.model_id,
        prompt=job.request.prompt,
        created_at=job.created_at,
        packed_pictures=tuple((item.name, item.width, item.height, item.starred) for item in job.outputs),
        input_names=tuple(item.name for item in job.inputs),
        error=error_of(job),
        legacy=isinstance(job, LegacyJob),
    )
