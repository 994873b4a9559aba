"""How far a download is, in a few words, for whoever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.download import TaskKind, TaskPhase

if TYPE_CHECKING:
    from qie_desktop.core.download import DownloadState

STOPPED = {
    TaskPhase.PAUSED: "Paused",
    TaskPhase.FAILED: "Stopped",
    TaskPhase.INTERRUPTED: "Interrupted",
}
"""What a download is called that could go on."""


def percent_text(fraction: float) -> str:
    """Return how much that is; never all of it before it is all."""
    return f"{min(99, int(fraction * 100)) if fraction < 1 else 100}%"


def brief_text(state: DownloadState | None, quantisation: str = "") -> str:
    """Return in a few words how far a download is, for whoever waits for it; nothing where none is wanted.

    With a quantisation: only where it is this one that is downloaded.
    """
    if state is None or state.task is not TaskKind.DOWNLOAD:
        return ""
    if quantisation and state.choice.quantisation != quantisation:
        return ""
    percent = f" {percent_text(state.fraction)}" if state.fraction else ""
    if state.is_running:
        return f"downloading{percent or '…'}"
    if state.is_resumable:
        return f"download {STOPPED[state.phase].lower()}{f' at{percent}' if percent else ''}"
    return ""
