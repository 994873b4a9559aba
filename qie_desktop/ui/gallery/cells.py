"""What the gallery shows: one cell for each picture, and one for a job that has none (yet)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.job import JobState

if TYPE_CHECKING:
    from qie_desktop.ui.gallery.job_facts import JobFacts, Picture

NO_OUTPUT = -1
"""The index of a cell that stands for a job rather than for one of its pictures."""

ACTIVE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING})
"""The states of a job that is still on its way."""

Order = tuple[int, float, str, int]
"""Where a cell stands: jobs on their way first, then the newest first, then pictures by number."""

_NAMES = {spec.id: spec.name for spec in CATALOGUE}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `index` is the place of the picture among `job.outputs`, or `NO_OUTPUT`."""

    job: JobFacts
    index: int
    state: JobState
    order: Order

    @property
    def output(self) -> Picture | None:
        """The picture, where this is one."""
        return None if self.index == NO_OUTPUT else self.job.picture(self.index)

    @property
    def key(self) -> tuple[str, int]:
        """The job's id and the index."""
        return self.job.job_id, self.index

    @property
    def active(self) -> bool:
        """Whether the job is still on its way."""
        return self.state in ACTIVE

    @property
    def starred(self) -> bool:
        """Whether the picture is starred."""
        output = self.output
        return output is not None and output.starred

    @property
    def legacy(self) -> bool:
        """Whether the job is of the earlier web version, and so never changed."""
        return self.job.legacy


@dataclass(frozen=True, slots=True)
class GalleryFilter:
    """Which cells are wanted: every word of `search` in prompt or model, and starred pictures only."""

    search: str = ""
    starred: bool = False

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return self.starred or bool(self.search.strip())

    def matches(self, job: JobFacts) -> bool:
        """Whether the job has all the words; as the index on disk decides it."""
        model = job.model_id
        text = _folded("\n".join((job.prompt, model, _NAMES.get(model, ""))))
        return all(word in text for word in _folded(self.search).split())


def cells_of(job: JobFacts, state: JobState, wanted: GalleryFilter) -> list[Cell]:
    """Return the cells of a job that is in this state now: its pictures, or one for the job itself.

    A job that ended unhappily has a cell that says so before the pictures that it made all the same.
    """
    if not wanted.matches(job):
        return []
    place = (0 if state in ACTIVE else 1, -job.created_at.timestamp(), job.job_id)
    own = [] if wanted.starred else [Cell(job, NO_OUTPUT, state, (*place, NO_OUTPUT))]
    if state in ACTIVE:
        return own
    pictures = [
        Cell(job, index, state, (*place, index))
        for index, (*_, starred) in enumerate(job.packed_pictures)
        if starred or not wanted.starred
    ]
    if state is JobState.SUCCEEDED and job.picture_count:
        return pictures
    return own + pictures


def model_name(model_id: str) -> str:
    """Return a model's name, or its id where the catalogue does not know it."""
    return _NAMES.get(model_id, model_id)


def is_known_model(model_id: str) -> bool:
    """Whether the catalogue has this model, so that its jobs can be run again."""
    return model_id in _NAMES


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
