"""The rows of the gallery in their order, and where a job's rows are: plain lists, no Qt."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from qie_desktop.ui.gallery.cells import NO_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qie_desktop.ui.gallery.cells import Cell, Order

_by_order = attrgetter("order")


class GalleryRows:
    """Cells sorted by their order; the cells of a job are next to each other.

    Finding takes a logarithm of their number: nothing here walks over ten thousand of them.
    """

    def __init__(self) -> None:
        self._cells: list[Cell] = []
        self._first: dict[str, Order] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, row: int) -> Cell:
        return self._cells[row]

    def knows(self, job_id: str) -> bool:
        """Whether the job has rows."""
        return job_id in self._first

    def span(self, job_id: str) -> tuple[int, int]:
        """Return the first row of a job and how many it has; 0 and 0 where it has none."""
        first = self._first.get(job_id)
        if first is None:
            return 0, 0
        row = bisect_left(self._cells, first, key=_by_order)
        end = row
        while end < len(self._cells) and self._cells[end].job.job_id == job_id:
            end += 1
        return row, end - row

    def row_of(self, job_id: str, index: int) -> int | None:
        """Return the row of a cell, or None where it is not shown."""
        row, count = self.span(job_id)
        return next((at for at in range(row, row + count) if self._cells[at].index == index), None)

    def place_for(self, order: Order) -> int:
        """Return the row before which a cell of this order belongs."""
        return bisect_left(self._cells, (*order[:3], NO_OUTPUT), key=_by_order)

    def belongs_last(self, order: Order) -> bool:
        """Whether a cell of this order comes after all that are here."""
        return not self._cells or self._cells[-1].order < order

    def insert(self, row: int, cells: Sequence[Cell]) -> None:
        """Put cells in before a row."""
        self._cells[row:row] = cells
        self._note(cells)

    def remove(self, row: int, count: int) -> None:
        """Take rows out; a job's rows go from its last one upwards, or all at once."""
        gone = self._cells[row : row + count]
        del self._cells[row : row + count]
        for cell in gone:
            if self._first.get(cell.job.job_id) == cell.order:
                del self._first[cell.job.job_id]

    def replace(self, row: int, cells: Sequence[Cell]) -> None:
        """Put cells of the same job in the place of as many."""
        self._cells[row : row + len(cells)] = cells
        for cell in cells:
            self._first.pop(cell.job.job_id, None)
        # The first of them is the job's first: rows of a job are replaced from its first one on.
        self._note(cells)

    def move(self, row: int, count: int, before: int) -> int:
        """Move rows to before another one, counted as before the move; return where they are then."""
        block = self._cells[row : row + count]
        del self._cells[row : row + count]
        target = before if before < row else before - count
        self._cells[target:target] = block
        return target

    def reset(self, cells: Sequence[Cell]) -> None:
        """Have these rows and no others."""
        self._cells = sorted(cells, key=_by_order)
        self._first = {}
        self._note(self._cells)

    def _note(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            job_id = cell.job.job_id
            self._first[job_id] = min(self._first.get(job_id, cell.order), cell.order)
