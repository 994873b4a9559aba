"""Which model is taken when none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.model import EmbeddedWeights, HubWeights, ModelKind, ModelSpec, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from qie_desktop.core.errors import QieError
    from qie_desktop.storage.settings import Settings


def choose_model(
    settings: Settings,
    readiness: Callable[[ModelSpec], QieError | None],
    kinds: Collection[ModelKind] | None = None,
    catalogue: tuple[ModelSpec, ...] = CATALOGUE,
) -> ModelSpec:
    """Return the first that is ready: the last one used, the local one, a cloud one, the embedded one.

    Only models of these `kinds`; where that is None, the last one used of any kind, and edit models. Where
    none is ready, the one that needs the least is returned: its own readiness says what it lacks.
    """
    last_id = settings.get("general.last_model")
    last = [spec for spec in catalogue if spec.id == last_id and (kinds is None or spec.kind in kinds)]
    offered = [spec for spec in catalogue if spec.kind in (kinds or (ModelKind.EDIT,))]
    local = [spec for spec in offered if _weights(spec, HubWeights)]
    cloud = [spec for spec in offered if spec.place is Place.CLOUD]
    embedded = [spec for spec in offered if _weights(spec, EmbeddedWeights)]
    order = [*last, *local, *cloud, *embedded]
    for spec in order:
        if readiness(spec) is None:
            return spec
    return (embedded or cloud or order or list(catalogue))[0]


def _weights(spec: ModelSpec, sort: type[HubWeights] | type[EmbeddedWeights]) -> bool:
    return spec.local is not None and isinstance(spec.local.weights, sort)
