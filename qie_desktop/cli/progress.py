"""How far jobs are: a bar for each on a terminal, a line for each phase elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from qie_desktop.cli.reporting import err_console, seconds_text
from qie_desktop.core.events import Cancelled, Failed, JobEvent, Phase, PhaseName, Step, Succeeded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_WORDS = {
    PhaseName.DOWNLOADING: "Downloading",
    PhaseName.LOADING: "Loading",
    PhaseName.ENCODING: "Reading",
    PhaseName.UPLOADING: "Uploading",
    PhaseName.WAITING: "Waiting for a machine",
    PhaseName.RUNNING: "Running",
    PhaseName.DENOISING: "Denoising",
    PhaseName.DECODING: "Decoding",
    PhaseName.SAVING: "Saving",
}
_END_WORDS = {Succeeded: "Done", Failed: "Failed", Cancelled: "Cancelled"}


class ProgressDisplay:
    """Shows the events of jobs on standard error; call it with each, from any thread.

    Where there are several jobs, each line begins with the job's id and the end of each is told.
    """

    def __init__(self, job_ids: Sequence[str], *, quiet: bool) -> None:
        self._console = err_console()
        self._quiet = quiet
        self._several = len(job_ids) > 1
        self._job_ids = job_ids
        self._bar: Progress | None = None
        self._bars: dict[str, TaskID] = {}
        self._last_lines: dict[str, str] = {}

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[left]}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            for job_id in self._job_ids:
                text = self._labelled(job_id, "Starting")
                self._bars[job_id] = self._bar.add_task(text, total=None, left="")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: JobEvent) -> None:
        """Show one event."""
        match event:
            case Phase(fraction=fraction):
                self._show(event.job_id, f"{_phase_text(event)}…", fraction, "")
            case Step(index=index, total=total, seconds_left=seconds):
                left = "" if seconds is None or index == total else f"{seconds_text(seconds)} left"
                self._show(event.job_id, f"Denoising {index} of {total}…", index / total, left)
            case Succeeded() | Failed() | Cancelled() if self._several:
                self._show(event.job_id, _END_WORDS[type(event)], 1.0, "")
            case _:
                pass

    def _show(self, job_id: str, text: str, fraction: float | None, left: str) -> None:
        text = self._labelled(job_id, text)
        if self._bar is not None:
            total = None if fraction is None else 1.0
            self._bar.update(
                self._bars[job_id],
                description=text.removesuffix("…"),
                total=total,
                completed=fraction or 0.0,
                left=left,
            )
        elif not self._quiet and text != self._last_lines.get(job_id):
            self._last_lines[job_id] = text
            self._console.print(text, markup=False)

    def _labelled(self, job_id: str, text: str) -> str:
        return f"{job_id}  {text}" if self._several else text


def _phase_text(phase: Phase) -> str:
    if phase.name is PhaseName.WAITING and phase.detail:
        return f"Waiting: {phase.detail}"
    return " ".join(filter(None, (_WORDS[phase.name], phase.detail)))
