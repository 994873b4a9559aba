"""How far a job is, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qie_desktop.core.events import PhaseName, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.core.events import Phase

QUEUED: Final = "Waiting for its turn"
CANCELLING: Final = "Cancelling…"

_WORDS: Mapping[PhaseName, str] = {
    PhaseName.DOWNLOADING: "Downloading",
    PhaseName.LOADING: "Loading the model",
    PhaseName.ENCODING: "Reading the prompt",
    PhaseName.UPLOADING: "Uploading",
    PhaseName.WAITING: "Waiting for a machine",
    PhaseName.RUNNING: "Making the picture",
    PhaseName.DENOISING: "Denoising",
    PhaseName.DECODING: "Decoding",
    PhaseName.SAVING: "Saving",
}
_MINUTE_S = 60
_HOUR_MIN = 60


def words_of(event: Phase | Step) -> str:
    """Return what a job is doing: "Denoising 5 of 8 · 12 s left"."""
    if isinstance(event, Step):
        doing = f"{_WORDS[PhaseName.DENOISING]} {event.index} of {event.total}"
        if event.seconds_left is None or event.index >= event.total:
            return doing
        return f"{doing} · {duration(event.seconds_left)} left"
    return f"{_WORDS[event.name]} · {event.detail}" if event.detail else _WORDS[event.name]


def fraction_of(event: Phase | Step) -> float | None:
    """Return how far the present stage is, from 0 to 1, or None where it cannot be known."""
    if isinstance(event, Step):
        return min(1.0, event.index / event.total) if event.total > 0 else None
    return event.fraction


def waiting(count: int) -> str:
    """Return how many jobs wait behind: "2 more waiting"; nothing for none."""
    return f"{count} more waiting" if count > 0 else ""


def duration(seconds: float) -> str:
    """Return a time that is left: "12 s", "3 min 20 s", "1 h 5 min"."""
    whole = max(1, round(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    minutes, rest = divmod(whole, _MINUTE_S)
    if minutes < _HOUR_MIN:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, _HOUR_MIN)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
