"""How many cells fit side by side, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass

from qie_desktop.ui.look.tokens import Spacing

_LEAST_CELL = 116
GAP = Spacing.xs
"""Between two cells, and around them all half of it."""


@dataclass(frozen=True, slots=True)
class GridPlan:
    """A grid of square cells: `pitch` from one to the next, `cell` the side of one; whether it scrolls."""

    columns: int
    pitch: int
    scrolls: bool

    @property
    def cell(self) -> int:
        """The side of a cell."""
        return self.pitch - GAP

    def rows(self, count: int) -> int:
        """Return how many rows this many cells take."""
        return -(-count // self.columns)


def plan_grid(width: int, height: int, count: int, bar_width: int) -> GridPlan:
    """Return the grid for this many cells in a view of this size, with room for a scroll bar if it needs one.

    Decided from the numbers alone, so that a bar that comes cannot make itself unneeded and go again.
    """
    plan = _plan(width, scrolls=False)
    if plan.rows(count) * plan.pitch > height:
        return _plan(width - bar_width, scrolls=True)
    return plan


def _plan(width: int, *, scrolls: bool) -> GridPlan:
    columns = max(1, (width - 1) // (_LEAST_CELL + GAP))
    # A list view wraps a row that comes to its very last pixel.
    return GridPlan(columns, max(GAP + 1, (width - 1) // columns), scrolls)
