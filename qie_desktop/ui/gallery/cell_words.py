"""A cell in words: its tooltip, and what a screen reader says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.job import JobState
from qie_desktop.ui.gallery.cells import model_name

if TYPE_CHECKING:
    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.gallery.progress import Progress

_STATES = {
    JobState.QUEUED: "Queued",
    JobState.RUNNING: "Running",
    JobState.CANCELLING: "Cancelling…",
    JobState.SUCCEEDED: "",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
    JobState.INTERRUPTED: "Interrupted",
}
_MAX_PROMPT_CHARS = 300


def state_words(cell: Cell, progress: Progress | None) -> str:
    """Return where a cell's job stands, in a word or two; nothing for a picture."""
    if cell.output is not None:
        return ""
    return (progress.words if progress else "") or _STATES[cell.state] or "No picture"


def problem_words(cell: Cell) -> str:
    """Return why a job made nothing."""
    if cell.job.error is not None and cell.state is not JobState.CANCELLED:
        return cell.job.error.message
    if cell.state is JobState.INTERRUPTED:
        return "The app closed while this ran."
    return ""


def tooltip(cell: Cell, progress: Progress | None) -> str:
    """Return the prompt, the model, when and what size; of a failed one, why and what to do."""
    return "\n".join(_lines(cell, progress))


def accessible_text(cell: Cell, progress: Progress | None) -> str:
    """Return the same for a screen reader, the state first."""
    lines = _lines(cell, progress)
    star = ["Starred"] if cell.starred else []
    return ". ".join((*star, *(line.rstrip(".") for line in lines)))


def _lines(cell: Cell, progress: Progress | None) -> list[str]:
    job = cell.job
    prompt = job.prompt
    if len(prompt) > _MAX_PROMPT_CHARS:
        prompt = f"{prompt[:_MAX_PROMPT_CHARS].rstrip()}…"
    state = state_words(cell, progress)
    if progress is not None and progress.fraction is not None:
        state = f"{state} · {progress.fraction:.0%}"
    made = f"{job.created_at.astimezone():%d %B %Y, %H:%M}".lstrip("0")
    details = [model_name(job.model_id), made]
    output = cell.output
    if output is not None and output.width:
        details.insert(1, f"{output.width}×{output.height}")
    if output is not None and job.picture_count > 1:
        details.append(f"{cell.index + 1} of {job.picture_count}")
    lines = [state, prompt, " · ".join(part for part in details if part)]
    if output is None and not cell.active:
        lines += [problem_words(cell), job.error.hint if job.error and problem_words(cell) else ""]
    return [line for line in lines if line]
