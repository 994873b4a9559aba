"""Saving results: at the size and with the alpha channel that the product promises."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qie_desktop.core.cancel import JobCancelled
from qie_desktop.core.events import OutputSaved, Phase, PhaseName
from qie_desktop.core.geometry import Size
from qie_desktop.imaging.fitting import fit_back, with_alpha
from qie_desktop.imaging.joining import join_side_by_side
from qie_desktop.imaging.opening import header_image, open_picture
from qie_desktop.services.result_size import joins_inputs, result_size
from qie_desktop.storage.job_files import NewOutput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL import Image

    from qie_desktop.core.events import JobEvent
    from qie_desktop.core.job import Job
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.engines.base import EngineResult
    from qie_desktop.storage.job_store import JobStore

_LOSSLESS_SUFFIX = ".png"


class ResultSaver:
    """Saves what an engine makes for one job. From any thread; one result at a time."""

    def __init__(self, job: Job, spec: ModelSpec, store: JobStore, tell: Callable[[JobEvent], None]) -> None:
        self._job = job
        self._store = store
        self._tell = tell
        self._lock = threading.Lock()
        self._closed = False
        self._alpha: Image.Image | None = None
        self._alpha_known = False
        self._target = result_size(job.request, spec, [Size(item.width, item.height) for item in job.inputs])
        self._expected = spec.output_count(dict(job.request.values))
        self.count = len(job.outputs)

    def save(self, result: EngineResult) -> Path:
        """Put a result on disk, whole, and return its path.

        Of an edit, the picture is fitted to exactly the input's size and gets the input's alpha channel. The
        provider's own file is kept beside it where something would be lost without it: unless it is a PNG of
        the very same pixels. Takes as long as writing a PNG does: call it off an event loop. Raises
        StorageError or DiskFull, and JobCancelled once the job has ended.
        """
        with self._lock:
            if self._closed:
                raise JobCancelled
            detail = f"{result.index + 1} of {self._expected}" if self._expected > 1 else ""
            self._tell(Phase(self._job.job_id, PhaseName.SAVING, detail=detail))
            picture = self._finished(result.picture)
            same = picture is result.picture and result.provider_suffix.lower() == _LOSSLESS_SUFFIX
            output = self._store.write_output(
                self._job,
                NewOutput(
                    result.index,
                    picture,
                    None if same else result.provider_bytes,
                    result.provider_suffix,
                ),
            )
            self.count += 1
            path = self._store.output_path(self._job, output)
            self._tell(OutputSaved(self._job.job_id, result.index, path))
            return path

    def close(self) -> None:
        """Wait for a result that is being saved, and take no more."""
        with self._lock:
            self._closed = True

    def _finished(self, picture: Image.Image) -> Image.Image:
        if self._target is None:
            return picture
        fitted = fit_back(picture, self._target)
        alpha = self._input_alpha()
        if alpha is None:
            return fitted
        return with_alpha(fitted if fitted.mode == "RGB" else fitted.convert("RGB"), alpha)

    def _input_alpha(self) -> Image.Image | None:
        """Return the alpha channel of what was edited, if it has one; decoded once, and only then."""
        if not self._alpha_known:
            joined = joins_inputs(self._job.request, len(self._job.inputs))
            paths = self._job.request.inputs if joined else self._job.request.inputs[:1]
            if any(_has_alpha(path) for path in paths):
                pictures = [open_picture(path) for path in paths]
                self._alpha = (join_side_by_side(pictures) if joined else pictures[0]).alpha
            self._alpha_known = True
        return self._alpha


def _has_alpha(path: Path) -> bool:
    with header_image(path) as image:
        return image.has_transparency_data
