"""First-block caching as a parameter: how much a step may differ from one before to be made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.parameters import Choice, ParameterKind, ParameterSpec, When

if TYPE_CHECKING:
    from qie_desktop.core.parameters import Value

_OFF = "off"

FIRST_BLOCK_CACHE = ParameterSpec(
    "first_block_cache",
    "First-block cache",
    ParameterKind.CHOICE,
    _OFF,
    "Skips most of a step that changes little from one before: faster, and not quite the same picture. The "
    "number is how little, as a part of what the first block does.",
    choices=(
        Choice(_OFF, "Off", "The exact result."),
        Choice("0.05", "0.05 · careful"),
        Choice("0.1", "0.1 · faster"),
        Choice("0.2", "0.2 · fastest"),
    ),
    # Few steps change much each: there is nothing to skip in them.
    applies_when=When("quality", ("full",)),
)


def threshold(value: Value | None) -> float:
    """Return the threshold that a value of the parameter stands for; 0 where it is off or does not apply."""
    return 0.0 if value is None or value == _OFF else float(value)
