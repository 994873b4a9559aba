"""Whether a local model fits this machine's memory, by a rule of thumb.

At the least a run holds the text encoder or the transformer, whichever is larger, and some room to work in:
where both do not fit, one is let go before the other is loaded. macOS gives the GPU about three quarters of
the memory by default.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qie_desktop.core.model import HubWeights

GB = 1_000_000_000
WORKING_BYTES = 3 * GB
_PUBLISHED_BYTES = 2
_COMFORTABLE = 0.75
_POSSIBLE = 0.92


class Fit(StrEnum):
    """How a model sits in a machine's memory."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_LARGE = "too large"


def needed_bytes(weights: HubWeights, quantisation: str, bytes_per_number: int = 2) -> int:
    """Return the memory that a run takes: 2 bytes a number on GPUs, 4 on a CPU, which computes in float32.

    Raises KeyError for a quantisation that there is not.
    """
    transformer_gb = dict(weights.gguf_gb)[quantisation]
    text_encoder_gb = weights.text_encoder_gb * bytes_per_number / _PUBLISHED_BYTES
    return int(max(text_encoder_gb, transformer_gb) * GB) + WORKING_BYTES


def memory_fit(needed: int, total: int) -> Fit:
    """Return how a need sits in a total, both in bytes."""
    if needed <= total * _COMFORTABLE:
        return Fit.FITS
    return Fit.TIGHT if needed <= total * _POSSIBLE else Fit.TOO_LARGE
