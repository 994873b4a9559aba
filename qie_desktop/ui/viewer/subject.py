"""What the viewer is about: a job with one of its outputs, or an input alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.geometry import Size
from qie_desktop.services.result_size import joins_inputs, result_size
from qie_desktop.storage.job_files import thumbnail_name
from qie_desktop.ui.viewer.pictures import Source

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.job import Job, Output
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.storage.job_store import JobStore


@dataclass(frozen=True, slots=True)
class Subject:
    """A job, with number `index` of its outputs where there are any, or the file `path` by itself."""

    job: Job | None = None
    index: int = 0
    path: Path | None = None

    @property
    def job_id(self) -> str:
        """The job's id; empty for a file."""
        return self.job.job_id if self.job else ""

    @property
    def output(self) -> Output | None:
        """The output that is shown."""
        if self.job is None or not self.job.outputs:
            return None
        return self.job.outputs[min(max(self.index, 0), len(self.job.outputs) - 1)]

    @property
    def output_count(self) -> int:
        """How many outputs there are to step through."""
        return len(self.job.outputs) if self.job else 0

    @property
    def can_compare(self) -> bool:
        """Whether there is a result, and something that it was made from."""
        return self.output is not None and bool(self.job and self.job.inputs)

    @property
    def spec(self) -> ModelSpec | None:
        """The job's model; None where the catalogue has it no longer."""
        model_id = self.job.request.model_id if self.job else ""
        return next((spec for spec in CATALOGUE if spec.id == model_id), None)

    @property
    def expected_size(self) -> Size | None:
        """The size in pixels that the result is going to have, where that is known before."""
        if self.job is None or self.spec is None:
            return None
        sizes = [Size(item.width, item.height) for item in self.job.inputs]
        return result_size(self.job.request, self.spec, sizes) if all(map(min, sizes)) else None

    def stepped(self, direction: int) -> Subject:
        """Return the next (1) or previous (-1) output, round and round."""
        return replace(self, index=(self.index + direction) % max(1, self.output_count))

    def output_path(self, store: JobStore) -> Path | None:
        """Return where the output is."""
        if self.job is None or self.output is None:
            return None
        return store.output_path(self.job, self.output)

    def picture(self, store: JobStore) -> Source | None:
        """Return what is shown: the output, else the input, else nothing."""
        if self.path is not None:
            return Source((self.path,), lasting=False)
        path, output = self.output_path(store), self.output
        if path is None or output is None:
            return self.input()
        thumbnail = path.with_name(thumbnail_name(output.name))
        size = Size(output.width, output.height)
        # Of a file that could not be read the size is 0×0.
        return Source((path,), thumbnail, size if min(size) else None)

    def before(self) -> Source | None:
        """Return what the output is compared with."""
        return self.input() if self.can_compare else None

    def input(self) -> Source | None:
        """Return what the job works on: all inputs where they are one canvas, else the first one."""
        if self.job is None or not self.job.inputs:
            return None
        paths = self.job.request.inputs
        joined = joins_inputs(self.job.request, len(paths))
        return Source(paths if joined else paths[:1])

    def caption(self) -> str:
        """Return what is shown, in words: size, model and which of several; a file's name."""
        if self.path is not None:
            return self.path.name
        if self.job is None:
            return ""
        parts = [self.spec.name if self.spec else self.job.request.model_id]
        if self.output_count > 1:
            parts.append(f"{self.index + 1} of {self.output_count}")
        return " · ".join(parts)
