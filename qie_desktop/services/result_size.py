"""Which size the result of a request must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.geometry import Size, plan_side_by_side
from qie_desktop.core.model import ModelKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request

_JOINED = ("combine", "side-by-side")


def result_size(request: Request, spec: ModelSpec, input_sizes: Sequence[Size]) -> Size | None:
    """Return the size in pixels that a result must have exactly, or None where the model decides.

    An edit has the upright size of its input: of the joined canvas where the inputs are put side by side, and
    of the first input otherwise.
    """
    if spec.kind is not ModelKind.EDIT or not input_sizes:
        return None
    if joins_inputs(request, len(input_sizes)):
        return plan_side_by_side(tuple(input_sizes)).canvas
    return input_sizes[0]


def joins_inputs(request: Request, input_count: int) -> bool:
    """Whether the inputs are one canvas, from left to right."""
    name, side_by_side = _JOINED
    return input_count > 1 and request.value(name) == side_by_side
