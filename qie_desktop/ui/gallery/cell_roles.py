"""What the rows of the gallery tell under each role."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from qie_desktop.ui.gallery.cell_words import accessible_text, tooltip
from qie_desktop.ui.gallery.cells import Cell, model_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.ui.gallery.progress import Progress


class Role(IntEnum):
    """What a cell tells besides its text and tooltip."""

    CELL = Qt.ItemDataRole.UserRole
    JOB_ID = Qt.ItemDataRole.UserRole + 1
    INDEX = Qt.ItemDataRole.UserRole + 2
    STATE = Qt.ItemDataRole.UserRole + 3
    FRACTION = Qt.ItemDataRole.UserRole + 4
    PROMPT = Qt.ItemDataRole.UserRole + 5
    MODEL_NAME = Qt.ItemDataRole.UserRole + 6
    STAR = Qt.ItemDataRole.UserRole + 7
    ERROR = Qt.ItemDataRole.UserRole + 8
    PROGRESS = Qt.ItemDataRole.UserRole + 9
    FORMED = Qt.ItemDataRole.UserRole + 10
    """What the job that ended last looked like then: shown until its picture has been decoded."""


def _fraction(_cell: Cell, progress: Progress | None) -> float | None:
    return None if progress is None else progress.fraction


TOLD: dict[int, Callable[[Cell, Progress | None], object]] = {
    Qt.ItemDataRole.DisplayRole: lambda cell, _: cell.job.prompt,
    Qt.ItemDataRole.ToolTipRole: tooltip,
    Qt.ItemDataRole.AccessibleTextRole: accessible_text,
    Role.CELL: lambda cell, _: cell,
    Role.JOB_ID: lambda cell, _: cell.job.job_id,
    Role.INDEX: lambda cell, _: cell.index,
    Role.STATE: lambda cell, _: cell.state,
    Role.FRACTION: _fraction,
    Role.PROMPT: lambda cell, _: cell.job.prompt,
    Role.MODEL_NAME: lambda cell, _: model_name(cell.job.model_id),
    Role.STAR: lambda cell, _: cell.starred,
    Role.ERROR: lambda cell, _: cell.job.error,
    Role.PROGRESS: lambda _, progress: progress,
}
"""By role, how it is found from a cell and from how far its job is."""

OF_PROGRESS = [
    int(role)
    for role in (
        Role.FRACTION,
        Role.PROGRESS,
        Role.STATE,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.AccessibleTextRole,
    )
]
"""The roles that change while a job runs."""
