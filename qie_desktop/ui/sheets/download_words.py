"""How a download and the parts of a model are said in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.download import TaskKind
from qie_desktop.core.memory_plan import Fit
from qie_desktop.ui.download_words import STOPPED, percent_text
from qie_desktop.ui.sheets.wording import bytes_text

if TYPE_CHECKING:
    from qie_desktop.core.download import DownloadState, PartState

VERDICTS = {Fit.FITS: "success", Fit.TIGHT: "warning", Fit.TOO_LARGE: "danger"}
"""How each fit is coloured."""

_MINUTE_S, _HOUR_S = 60, 3600
_SOON_S = 10
_LEAST_PERCENT = 0.01


@dataclass(frozen=True, slots=True)
class StateWords:
    """The state of a part: what it says, how that is coloured, and how much is there while it comes."""

    text: str
    verdict: str = "muted"
    fraction: float | None = None


NO_WORDS = StateWords("")
"""Of what has no state."""


def time_left_text(seconds: float) -> str:
    """Return how long something still takes, no finer than it can be known: `about 9 min left`."""
    if seconds < _SOON_S:
        return "a few seconds left"
    if seconds < _MINUTE_S:
        return f"{round(seconds / 10) * 10} s left"
    if seconds < _HOUR_S:
        return f"about {round(seconds / _MINUTE_S)} min left"
    hours, rest = divmod(round(seconds / _MINUTE_S), 60)
    return f"about {hours} h {rest} min left" if rest else f"about {hours} h left"


def amount_text(done: int, total: int | None) -> str:
    """Return how much has come of how much: `6.2 of 31.4 GB`."""
    if total is None:
        return bytes_text(done)
    whole, part = bytes_text(total), bytes_text(done)
    same_unit = whole.rpartition(" ")[2] == part.rpartition(" ")[2]
    return f"{part.rpartition(' ')[0] if same_unit else part} of {whole}"


def progress_text(state: DownloadState) -> str:
    """Return amount, rate and time left of what runs, as far as they are known."""
    words: list[str] = []
    if state.bytes_total:
        words.append(amount_text(state.bytes_done, state.bytes_total))
    if state.bytes_per_second:
        words.append(f"{bytes_text(round(state.bytes_per_second))}/s")
    if state.seconds_left is not None:
        words.append(time_left_text(state.seconds_left))
    return " · ".join(words)


def part_words(part: PartState, state: DownloadState | None) -> StateWords:
    """Return the state of a part, beside what is being done with it."""
    about_it = state is not None and part.part.id in state.part_ids
    is_download = state is not None and state.task is TaskKind.DOWNLOAD
    if state is not None and about_it and state.is_running and not is_download:
        return StateWords("Checking", "accent")
    if part.damaged and not (about_it and state is not None and state.is_running):
        return StateWords("Damaged", "danger")
    if part.is_installed:
        return StateWords("Installed", "success")
    total = part.byte_count + part.missing_bytes
    fraction = part.byte_count / total if total else 0.0
    if state is not None and about_it and is_download and state.is_running:
        begun = fraction > _LEAST_PERCENT or bool(part.part.select([state.file]))
        return StateWords(percent_text(fraction), "accent", fraction) if begun else StateWords("Waiting")
    if not part.byte_count:
        return StateWords("Not downloaded")
    stopped = STOPPED.get(state.phase, "Incomplete") if state is not None and about_it else "Incomplete"
    return StateWords(f"{stopped} · {percent_text(fraction)}")
