"""The contract between a job and what makes its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from PIL import Image

    from qie_desktop.core.cancel import CancelToken
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.events import JobEvent
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request


@dataclass(frozen=True, slots=True)
class EngineResult:
    """One picture that an engine made: sRGB, 8 bits; RGB or RGBA.

    `provider_bytes` and `provider_suffix` (".webp") are set where the picture came as a file from elsewhere:
    that file is kept beside the result when they differ.
    """

    index: int
    picture: Image.Image
    provider_bytes: bytes | None = None
    provider_suffix: str = ""


def _taken_by_none(_name: str, _value: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class EngineTask:
    """A job as an engine sees it. The request's inputs are the stored copies.

    `emit` tells how far the work is; `save` puts a result on disk, whole, and returns its path; `remember`
    puts what is needed to resume (a prediction's id) on disk before it returns; `measure` notes a figure
    (seconds, bytes) with the job. All four may be called from any thread. `remote` is what was remembered by
    an earlier, interrupted run, `saved` are the indexes of the results that it has saved, `taken` tells
    whether another job has remembered this value under this name. `folder` is the job's own: for temporary
    files (`storage.atomic.temporary`).
    """

    job_id: str
    spec: ModelSpec
    request: Request
    emit: Callable[[JobEvent], None]
    save: Callable[[EngineResult], Path]
    remember: Callable[[Mapping[str, str]], None]
    measure: Callable[[str, float], None]
    remote: Mapping[str, str]
    folder: Path
    saved: frozenset[int] = frozenset()
    taken: Callable[[str, str], bool] = _taken_by_none


class Unfinished(Exception):
    """A job stops here, but what is paid for goes on elsewhere: it ends as interrupted, to be resumed."""

    def __init__(self, error: QieError) -> None:
        super().__init__(str(error))
        self.error = error


class Engine(Protocol):
    """Something that makes pictures for the models of one place."""

    def readiness(self, spec: ModelSpec, request: Request | None = None) -> QieError | None:
        """Return why `spec` (or just this request for it) cannot run now, or None when it can.

        Cheap: it looks for files and tokens and loads nothing. Any thread.
        """
        ...

    async def run(self, task: EngineTask, cancel: CancelToken) -> None:
        """Make the pictures of one job, saving each as soon as it is there.

        Raises JobCancelled soon after the token is set, and QieError for everything that goes wrong: foreign
        exceptions are mapped here; Unfinished where it can be taken up later. After any, the next can run.
        """
        ...

    async def free(self) -> None:
        """Let go of all memory that can be had again, once the job that runs has ended."""
        ...

    async def close(self) -> None:
        """End the engine's threads and connections; it cannot be used again."""
        ...
