"""Which quantisations of a local model fit this machine's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.memory_fit import Fit, memory_fit, needed_bytes
from qie_desktop.core.model import HubWeights

if TYPE_CHECKING:
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.parameters import ParameterSpec

_WORDS = {Fit.FITS: "fits this Mac", Fit.TIGHT: "tight", Fit.TOO_LARGE: "too large"}


def memory_notes(
    model: ModelSpec, parameter: ParameterSpec, total_bytes: int | None = None
) -> dict[str, str]:
    """Return how each choice sits in the memory (of this machine where None), in words, by its value.

    Only a parameter that chooses among the files of a model's weights has such notes.
    """
    weights = model.local.weights if model.local is not None else None
    names = {choice.value for choice in parameter.choices}
    if not isinstance(weights, HubWeights) or not names or not names <= dict(weights.gguf_gb).keys():
        return {}
    import psutil  # noqa: PLC0415 - not before a local model is shown

    total = psutil.virtual_memory().total if total_bytes is None else total_bytes
    return {name: _WORDS[memory_fit(needed_bytes(weights, name), total)] for name in names}
