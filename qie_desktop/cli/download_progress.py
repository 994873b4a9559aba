"""How far a download is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from qie_desktop.cli.cleanup_command import size_text
from qie_desktop.cli.reporting import err_console, seconds_text
from qie_desktop.core.download import DownloadState, TaskPhase

if TYPE_CHECKING:
    from types import TracebackType

_LINE_EVERY_S = 10.0
_WORDS = {
    TaskPhase.STARTING: "Starting",
    TaskPhase.WAITING: "Waiting",
    TaskPhase.DOWNLOADING: "Downloading",
    TaskPhase.CHECKING: "Checking",
}


class DownloadDisplay:
    """Shows states on standard error; call it with each, from one thread."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = err_console()
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._next_line_s = 0.0

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[numbers]}", markup=False),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(_WORDS[TaskPhase.STARTING], total=None, numbers="")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, state: DownloadState) -> None:
        """Show one state."""
        if self._quiet or not state.is_running:
            return
        words, numbers = phase_text(state), numbers_text(state)
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                description=words,
                total=state.bytes_total,
                completed=state.bytes_done,
                numbers=numbers,
            )
        elif self._bar is None and numbers and time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + _LINE_EVERY_S
            self._console.print(" ".join(filter(None, (f"{words}:", numbers))), markup=False)


def phase_text(state: DownloadState) -> str:
    """Return what is being done, in words: "Downloading model.gguf"."""
    words = _WORDS.get(state.phase, state.phase.value.capitalize())
    if state.phase is TaskPhase.WAITING:
        return f"{words}: {state.detail}" if state.detail else words
    return f"{words} {state.file.rpartition('/')[2]}".strip()


def numbers_text(state: DownloadState) -> str:
    """Return how far it is: "1.2 GB of 14.1 GB, 35.0 MB/s, 6 min 10 s left"."""
    if state.bytes_total is None:
        return ""
    parts = [f"{size_text(state.bytes_done)} of {size_text(state.bytes_total)}"]
    if state.bytes_per_second:
        parts.append(f"{size_text(int(state.bytes_per_second))}/s")
        if state.seconds_left is not None:
            parts.append(f"{seconds_text(state.seconds_left)} left")
    return ", ".join(parts)
