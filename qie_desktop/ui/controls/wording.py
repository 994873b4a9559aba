"""How models, prices, times and what is in the way are said in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.machine import this_machine
from qie_desktop.core.model import ModelKind, Place

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.storage.settings import Settings

KIND_NAMES = {ModelKind.EDIT: "Edit", ModelKind.GENERATE: "Generate", ModelKind.HYBRID: "Hybrid"}
"""What the kinds are called."""

PLACE_ICONS = {Place.LOCAL: "local", Place.CLOUD: "cloud"}
"""The glyph for where a model runs."""

FIXES = {
    "credentials_missing": "Add Token…",
    "credentials_refused": "Replace Token…",
    "image_size_out_of_range": "Use a Scaled Copy",
    "model_not_installed": "Download…",
    "bad_checkpoint": "Manage Models…",
    "checkpoint_incomplete": "Manage Models…",
    "checkpoint_damaged": "Manage Models…",
    "checkpoint_mismatch": "Manage Models…",
    "bad_setting": "Settings…",
}
"""What the button says that mends an error, by the error's code."""

_REASONS = {
    "credentials_missing": "needs a Replicate token",
    "model_not_installed": "not downloaded",
    "not_ready": "not available yet",
    "bad_checkpoint": "its files cannot be used",
    "checkpoint_incomplete": "files are missing",
    "checkpoint_damaged": "its files are damaged",
    "checkpoint_mismatch": "its files do not match",
}
_MINUTE_S = 60
_LONG_S = 90
_SHORT_S = 10


def reason_text(error: QieError) -> str:
    """Return why a model cannot be used now, in a few words."""
    return _REASONS.get(error.code, error.message)


def place_text(place: Place) -> str:
    """Return where a model runs."""
    return f"on {this_machine()}" if place is Place.LOCAL else "in the cloud"


def money_text(usd: float) -> str:
    """Return a sum in USD: cents, and tenths of a cent where there are any."""
    text = f"{usd:.3f}"
    return f"${text.removesuffix('0')}"


def price_text(spec: ModelSpec, settings: Settings) -> str:
    """Return the price of one output: that in the settings, or else the list price; or that it is free."""
    if spec.price is None:
        return "free"
    own = settings.get(f"cloud.prices.{spec.id}")
    each = money_text(float(own) if isinstance(own, (int, float)) else spec.price.usd_per_output)
    return f"{each} an image" if spec.outputs.maximum > 1 else each


def duration_text(seconds: float) -> str:
    """Return a time as a person would say it: seconds up to a minute and a half, then minutes."""
    if seconds < _SHORT_S:
        return f"{max(1, round(seconds))} s"
    if seconds < _LONG_S:
        return f"{round(seconds)} s"
    return f"{round(seconds / _MINUTE_S)} min"


def typical_time_text(spec: ModelSpec) -> str:
    """Return how long a run takes as a rule."""
    if spec.typical_seconds is None:
        return f"time depends on {this_machine()}"
    low, high = spec.typical_seconds
    return f"{low}–{high} s"


def summary_text(spec: ModelSpec, settings: Settings) -> str:
    """Return kind, place and price in one line."""
    return " · ".join((KIND_NAMES[spec.kind], place_text(spec.place), price_text(spec, settings)))


def byte_text(count: int) -> str:
    """Return the size of a file."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
