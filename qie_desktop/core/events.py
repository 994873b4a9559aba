"""What a running job tells: frozen messages that cross threads, each with its job's id.

A job emits any number of `Queued`, `Phase`, `Step` and `OutputSaved`, and then exactly one of `Succeeded`,
`Failed` and `Cancelled`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.errors import ErrorInfo


class PhaseName(StrEnum):
    """The stages that a job can be in, in the order in which they come."""

    DOWNLOADING = "downloading"
    LOADING = "loading"
    ENCODING = "encoding"
    UPLOADING = "uploading"
    WAITING = "waiting"
    RUNNING = "running"
    DENOISING = "denoising"
    DECODING = "decoding"
    SAVING = "saving"


@dataclass(frozen=True, slots=True)
class Preview:
    """The forming picture: 8-bit RGB rows from the top, without padding."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, slots=True)
class JobEvent:
    """The base of all events."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Queued(JobEvent):
    """The job is on disk and waits for its turn."""


@dataclass(frozen=True, slots=True)
class Phase(JobEvent):
    """A stage has begun, or has come to `fraction` (0–1; None where it cannot be known)."""

    name: PhaseName
    fraction: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step(JobEvent):
    """`index` of `total` denoising steps are done."""

    index: int
    total: int
    seconds_left: float | None = None
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class OutputSaved(JobEvent):
    """A result is whole on disk."""

    index: int
    path: Path


@dataclass(frozen=True, slots=True)
class Succeeded(JobEvent):
    """The job ended with all its results on disk."""


@dataclass(frozen=True, slots=True)
class Failed(JobEvent):
    """The job ended with an error."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Cancelled(JobEvent):
    """The job ended because the person cancelled it."""


Terminal = Succeeded | Failed | Cancelled
