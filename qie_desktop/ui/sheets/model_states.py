"""What is on this machine of the models that are downloaded, and whether they fit its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import ModelNotInstalled
from qie_desktop.core.memory_fit import Fit
from qie_desktop.core.model import HubWeights
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.services.machine_memory import MemoryNeed, memory_needs
from qie_desktop.storage.resources import resources_folder
from qie_desktop.ui.sheets.wording import catalogue_choice

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.storage.data_folder import DataFolder
    from qie_desktop.storage.settings import Settings


@dataclass(frozen=True, slots=True)
class QuantisationState:
    """One quantisation of a model: its size, how it is, what it needs, and why it cannot be used, if so."""

    name: str
    transformer_gb: float
    quality: str
    need: MemoryNeed
    problem: QieError | None

    @property
    def fit(self) -> Fit:
        """How it sits in the memory."""
        return self.need.fit

    @property
    def is_installed(self) -> bool:
        """Whether all its files are on this machine."""
        return self.problem is None

    @property
    def state_text(self) -> str:
        """Whether it is there, in words."""
        if self.problem is None:
            return "Installed"
        return "Not installed" if isinstance(self.problem, ModelNotInstalled) else "Incomplete"


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model and its quantisations; `rest_gb` is what is downloaded once for all of them, about."""

    spec: ModelSpec
    rest_gb: float
    memory_bytes: int
    quantisations: tuple[QuantisationState, ...]

    @property
    def recommended(self) -> QuantisationState | None:
        """The one the catalogue has as its default where it fits, or else the largest that does."""
        parameter = self.spec.parameter("quantisation")
        fitting = [state for state in self.quantisations if state.fit is not Fit.TOO_LARGE]
        preferred = [state for state in fitting if parameter and state.name == parameter.default]
        return (preferred or fitting[-1:] or [None])[0]


def look_at_models(folder: DataFolder, settings: Settings) -> tuple[ModelState, ...]:
    """Return what is there of each model with weights on the hub. Reads files: off the GUI thread."""
    import psutil  # noqa: PLC0415 - not before a sheet that needs it is opened

    total = int(psutil.virtual_memory().total)
    locator = CheckpointLocator(resources_folder(), folder.huggingface_cache / "hub")
    states: list[ModelState] = []
    for spec in CATALOGUE:
        weights = spec.local.weights if spec.local else None
        if isinstance(weights, HubWeights):
            needs = memory_needs(weights, str(settings.get("local.device")), total)
            quantisations = tuple(
                QuantisationState(
                    name=name,
                    transformer_gb=size_gb,
                    quality=_quality(name),
                    need=need,
                    problem=locator.problem(spec, name),
                )
                for (name, size_gb), need in zip(weights.gguf_gb, needs, strict=True)
            )
            states.append(ModelState(spec, weights.text_encoder_gb, total, quantisations))
    return tuple(states)


def _quality(name: str) -> str:
    choice = catalogue_choice("quantisation", name)
    return choice.help if choice else ""
