"""How amounts, times and the settings' own words are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.memory_plan import GB

if TYPE_CHECKING:
    from datetime import datetime

    from qie_desktop.core.parameters import Choice, Value

_WORDS = {
    "png": "PNG",
    "jpg": "JPEG",
    "webp": "WebP",
    "system": "As the system",
    "30-days": "For 30 days",
    "until-saved": "Until they are saved",
    "mps": "Apple GPU (Metal)",
    "cuda": "NVIDIA GPU (CUDA)",
    "cpu": "Processor (slow)",
    "auto": "Automatic",
}
_KB = 1000
_ROUND_MB = 100
_MINUTE_S = 60
_CENT_USD = 0.01


def choice_text(key: str, value: str) -> str:
    """Return what a choice of a setting is called: the catalogue's label where a parameter has that name."""
    choice = catalogue_choice(key.rpartition(".")[2], value)
    if choice is not None:
        return choice.label
    return _WORDS.get(value, value.replace("-", " ").capitalize())


def catalogue_choice(name: str, value: Value) -> Choice | None:
    """Return the choice of the first model whose parameter of this name offers the value."""
    for spec in CATALOGUE:
        parameter = spec.parameter(name)
        for choice in parameter.choices if parameter else ():
            if choice.value == value:
                return choice
    return None


def capitalised(text: str) -> str:
    """Return a text as the beginning of a sentence, with the rest as it is."""
    return text[:1].upper() + text[1:]


def bytes_text(count: int) -> str:
    """Return a size as Finder writes it: `12 KB`, `3.4 MB`, `16.6 GB`."""
    if count >= GB:
        return f"{count / GB:.1f} GB"
    if count >= _KB * _KB:
        megabytes = count / (_KB * _KB)
        return f"{megabytes:.0f} MB" if megabytes >= _ROUND_MB else f"{megabytes:.1f} MB"
    return f"{count / _KB:.0f} KB" if count >= _KB else f"{count} bytes"


def gb_text(gigabytes: float) -> str:
    """Return a size that is known in GB."""
    return bytes_text(round(gigabytes * GB))


def usd_text(amount: float) -> str:
    """Return an amount in USD: cents, and the third place where a price has one."""
    cents_alone = abs(round(amount / _CENT_USD) * _CENT_USD - amount) < _CENT_USD / 100
    return f"${amount:.2f}" if cents_alone else f"${amount:.3f}"


def seconds_text(seconds: float) -> str:
    """Return how long something took: `12.3 s`, `2 min 5 s`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{minutes} min {rest} s"


def time_text(at: datetime | None) -> str:
    """Return a time of day in local time, or a dash."""
    return f"{at.astimezone():%d %B %Y, %H:%M:%S}" if at else "–"
