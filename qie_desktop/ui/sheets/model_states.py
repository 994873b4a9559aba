"""What is on this machine of the models that are downloaded, and whether they fit its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.model import HubWeights
from qie_desktop.core.model_parts import chosen_parts
from qie_desktop.services.downloads import Downloads
from qie_desktop.services.machine_memory import memory_needs

if TYPE_CHECKING:
    from qie_desktop.core.download import DownloadPlan, PartState
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.model_parts import DownloadChoice
    from qie_desktop.services.machine_memory import MemoryNeed
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model: its parts, what its quantisations need, and what is best on this machine.

    `needs` are those with the text encoder that suits each quantisation best, `needs_with` those with each
    form of it, by its name.
    """

    spec: ModelSpec
    weights: HubWeights
    parts: tuple[PartState, ...]
    needs: tuple[MemoryNeed, ...]
    needs_with: tuple[tuple[str, tuple[MemoryNeed, ...]], ...]
    recommended: DownloadChoice
    plan: DownloadPlan
    """What the recommended choice would bring."""

    def need(self, quantisation: str, text_encoder: str) -> MemoryNeed:
        """Return what a quantisation needs with a form of the text encoder. Raises StopIteration."""
        needs = dict(self.needs_with).get(text_encoder, self.needs)
        return next(need for need in needs if need.quantisation == quantisation)

    def part(self, part_id: str) -> PartState:
        """Return how a part is on this machine. Raises StopIteration."""
        return next(state for state in self.parts if state.part.id == part_id)

    def chosen_ids(self, choice: DownloadChoice) -> frozenset[str]:
        """Return the ids of the parts that a choice is made of."""
        return frozenset(part.id for part in chosen_parts(self.spec, self.weights, choice))


def hub_models() -> tuple[ModelSpec, ...]:
    """Return the models that are downloaded from the hub."""
    return tuple(spec for spec in CATALOGUE if spec.local and isinstance(spec.local.weights, HubWeights))


def look_at_models(folder: DataFolder, settings: Settings) -> tuple[ModelState, ...]:
    """Return what is there of each model with weights on the hub. Reads files: off the GUI thread."""
    return tuple(look_at_model(folder, settings, spec) for spec in hub_models())


def look_at_model(folder: DataFolder, settings: Settings, spec: ModelSpec) -> ModelState:
    """Return what is there of one of them. Reads files: off the GUI thread."""
    weights = spec.local.weights if spec.local else None
    assert isinstance(weights, HubWeights)
    device = str(settings.get("local.device"))
    downloads = Downloads(folder, settings)
    recommended = downloads.recommended(spec)
    return ModelState(
        spec,
        weights,
        downloads.parts(spec),
        memory_needs(weights, device),
        tuple(
            (form.name, memory_needs(weights, device, text_encoder=form.name))
            for form in weights.text_encoders
        ),
        recommended,
        downloads.plan(recommended),
    )
