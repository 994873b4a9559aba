"""Which quantisations of a local model fit this machine's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.model import HubWeights

if TYPE_CHECKING:
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.parameters import ParameterSpec


def memory_notes(
    model: ModelSpec, parameter: ParameterSpec, device: str, total_bytes: int | None = None
) -> dict[str, str]:
    """Return how each choice sits in the memory (of this machine where None), in words, by its value.

    Only a parameter that chooses among the files of a model's weights has such notes. `device` is the
    setting `local.device`.
    """
    weights = model.local.weights if model.local is not None else None
    names = {choice.value for choice in parameter.choices}
    if not isinstance(weights, HubWeights) or not names or not names <= dict(weights.gguf_gb).keys():
        return {}
    from qie_desktop.services.machine_memory import memory_needs  # noqa: PLC0415 - of a local model alone

    needs = memory_needs(weights, device, total_bytes)
    return {need.quantisation: need.fit_text for need in needs if need.quantisation in names}
