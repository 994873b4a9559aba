"""How far a job is, in words: as many as there is room for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from qie_desktop.core.events import PhaseName, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qie_desktop.core.events import Phase

QUEUED: Final = ("Waiting for its turn", "Waiting")
CANCELLING: Final = ("Cancelling…",)

_WORDS: Mapping[PhaseName, tuple[str, ...]] = {
    PhaseName.DOWNLOADING: ("Downloading",),
    PhaseName.LOADING: ("Loading the model", "Loading"),
    PhaseName.ENCODING: ("Reading the prompt", "Reading"),
    PhaseName.UPLOADING: ("Uploading",),
    PhaseName.WAITING: ("Waiting for a machine", "Waiting"),
    PhaseName.RUNNING: ("Making the picture", "Running"),
    PhaseName.DENOISING: ("Denoising",),
    PhaseName.DECODING: ("Decoding",),
    PhaseName.SAVING: ("Saving",),
}
"""What each stage is called, the longest wording first."""

_WORDS_OF_DETAILS: Mapping[tuple[PhaseName, str], tuple[str, ...]] = {
    (PhaseName.LOADING, "engine"): ("Starting the local engine", "Starting"),
    (PhaseName.LOADING, "text encoder"): ("Loading the text encoder", "Loading"),
    (PhaseName.LOADING, "transformer"): ("Loading the model", "Loading"),
    (PhaseName.LOADING, "VAE"): ("Loading the image encoder", "Loading"),
    (PhaseName.ENCODING, "prompt"): ("Reading the prompt", "Reading"),
    (PhaseName.ENCODING, "pictures"): ("Reading the pictures", "Reading"),
    (PhaseName.DECODING, "in full precision"): ("Decoding in full precision", "Decoding"),
    (PhaseName.WAITING, "this can take minutes"): (
        "Waiting for a machine; this can take minutes",
        "Waiting for a machine",
        "Waiting",
    ),
    (PhaseName.WAITING, "Replicate asks to wait"): ("Replicate asks to wait", "Waiting"),
    (PhaseName.WAITING, "Replicate did not answer; looking for the job there"): (
        "No answer; looking for the job at Replicate",
        "Looking for the job",
        "Looking",
    ),
}
"""What a stage is called while it is about this; any other detail stands behind the stage's own name."""

_COUNTED = re.compile(r"\d+ of \d+")
_MINUTE_S = 60
_HOUR_MIN = 60


def wordings_of(event: Phase | Step) -> tuple[str, ...]:
    """Return what a job is doing, the longest wording first: "Denoising 5 of 8 · 12 s left", and shorter.

    The shortest still says the step and the time that is left.
    """
    if isinstance(event, Step):
        return _wordings_of_step(event)
    words = _WORDS_OF_DETAILS.get((event.name, event.detail))
    if words is not None:
        return words
    words = _WORDS[event.name]
    if event.name is PhaseName.RUNNING and event.fraction is not None:
        return tuple(f"{word} · {event.fraction:.0%}" for word in words)
    if _COUNTED.fullmatch(event.detail):
        return f"{words[0]} {event.detail}", *words
    return (f"{words[0]} · {event.detail}", *words) if event.detail else words


def fraction_of(event: Phase | Step) -> float | None:
    """Return how far the present stage is, from 0 to 1, or None where it cannot be known."""
    if isinstance(event, Step):
        return min(1.0, event.index / event.total) if event.total > 0 else None
    return event.fraction


def waiting(count: int) -> tuple[str, ...]:
    """Return how many jobs wait behind: "2 more waiting", and shorter; nothing for none."""
    return (f"{count} more waiting", f"{count} more", f"+{count}") if count > 0 else ("",)


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


def _wordings_of_step(step: Step) -> tuple[str, ...]:
    doing = f"{_WORDS[PhaseName.DENOISING][0]} {step.index} of {step.total}"
    short, shortest = f"{step.index} of {step.total}", f"{step.index}/{step.total}"
    if step.seconds_left is None or step.index >= step.total:
        return doing, short, shortest
    left = duration(step.seconds_left)
    return f"{doing} · {left} left", f"{short} · {left} left", f"{shortest} · {left}"
