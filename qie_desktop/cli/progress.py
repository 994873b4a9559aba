"""How far a job is: a bar on a terminal, a line for each phase elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TextColumn

from qie_desktop.cli.reporting import err_console
from qie_desktop.core.events import JobEvent, Phase, PhaseName, Step

if TYPE_CHECKING:
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


class ProgressDisplay:
    """Shows the events of one job on standard error; call it with each, from any thread."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = err_console()
        self._quiet = quiet
        self._bar: Progress | None = None
        self._last_line = ""

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[left]}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("Starting", total=None, left="")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: JobEvent) -> None:
        """Show one event."""
        match event:
            case Phase(name=name, fraction=fraction, detail=detail):
                text = " ".join(filter(None, (_WORDS[name], detail)))
                self._show(text, fraction, "")
            case Step(index=index, total=total, seconds_left=seconds):
                left = "" if seconds is None or index == total else f"{seconds_text(seconds)} left"
                self._show(f"Denoising {index} of {total}", index / total, left)
            case _:
                pass

    def _show(self, text: str, fraction: float | None, left: str) -> None:
        if self._bar is not None:
            total = None if fraction is None else 1.0
            self._bar.update(self._task, description=text, total=total, completed=fraction or 0.0, left=left)
        elif not self._quiet and text != self._last_line:
            self._last_line = text
            self._console.print(f"{text}…", markup=False)


def seconds_text(seconds: float) -> str:
    """Return a duration in words: 8 s, 3 min 20 s, 1 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
