"""How far a job is, as its cell shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from qie_desktop.core.events import Phase, PhaseName, Queued, Step
from qie_desktop.core.job import JobState

if TYPE_CHECKING:
    from qie_desktop.core.events import JobEvent, Preview

_WORDS = {
    PhaseName.DOWNLOADING: "Downloading",
    PhaseName.LOADING: "Loading",
    PhaseName.ENCODING: "Reading",
    PhaseName.UPLOADING: "Uploading",
    PhaseName.WAITING: "Waiting",
    PhaseName.RUNNING: "Running",
    PhaseName.DENOISING: "Denoising",
    PhaseName.DECODING: "Finishing",
    PhaseName.SAVING: "Saving",
}
_FINISHING = frozenset({PhaseName.DECODING, PhaseName.SAVING})
"""Short stages after the long one: the ring stays as full as it was."""


@dataclass(frozen=True, slots=True)
class Progress:
    """State, fraction (0–1; None where it cannot be known), the stage in a word, the forming picture."""

    state: JobState
    fraction: float | None = None
    words: str = ""
    preview: QImage | None = None

    def after(self, event: JobEvent) -> Progress:
        """Return the progress after an event that does not end the job."""
        if self.state is JobState.CANCELLING:
            return self
        match event:
            case Queued():
                return Progress(JobState.QUEUED, words="Queued")
            case Phase(name=name, fraction=fraction):
                kept = self.fraction if name in _FINISHING and fraction is None else fraction
                return replace(self, state=JobState.RUNNING, fraction=kept, words=_WORDS[name])
            case Step(index=index, total=total, preview=preview):
                picture = self.preview if preview is None else _image(preview)
                words = _WORDS[PhaseName.DENOISING]
                return Progress(JobState.RUNNING, index / max(total, 1), words, picture)
            case _:
                return self

    def cancelling(self) -> Progress:
        """Return the progress of a job that the person has just cancelled."""
        return replace(self, state=JobState.CANCELLING, words="Cancelling…")


def _image(preview: Preview) -> QImage:
    image = QImage(preview.rgb, preview.width, preview.height, preview.width * 3, QImage.Format.Format_RGB888)
    # A copy: the image does not keep the bytes that it was made from.
    return image.copy()
