"""What can be done with cells, and with which of them: one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qie_desktop.core.job import JobState
from qie_desktop.ui.gallery.cells import is_known_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.gallery.job_facts import JobFacts


class GalleryAction(StrEnum):
    """The commands of the context menu."""

    CANCEL = "cancel"
    RETRY = "retry"
    SAVE_AS = "save_as"
    SAVE_ALL = "save_all"
    COPY_IMAGE = "copy_image"
    COPY_PROMPT = "copy_prompt"
    USE_AS_INPUT = "use_as_input"
    REUSE_SETTINGS = "reuse_settings"
    RUN_AGAIN = "run_again"
    COMPARE = "compare"
    STAR = "star"
    SHOW_IN_FINDER = "show_in_finder"
    GET_INFO = "get_info"
    TRASH = "trash"


@dataclass(frozen=True, slots=True)
class Selection:
    """The cells that something is to be done with, in the order of the gallery."""

    cells: tuple[Cell, ...]

    @property
    def pictures(self) -> tuple[Cell, ...]:
        """Those that are pictures."""
        return tuple(cell for cell in self.cells if cell.output is not None)

    @property
    def jobs(self) -> tuple[JobFacts, ...]:
        """The jobs that they are of, each once."""
        return tuple({cell.job.job_id: cell.job for cell in self.cells}.values())

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Job id and index of each picture."""
        return [cell.key for cell in self.pictures]

    @property
    def all_keys(self) -> list[tuple[str, int]]:
        """The same; of one picture alone, all that its job made."""
        if len(self.pictures) != 1:
            return self.keys
        job = self.pictures[0].job
        return [(job.job_id, index) for index in range(job.picture_count)]

    @property
    def starrable(self) -> tuple[Cell, ...]:
        """The pictures that can be starred: those of the earlier web version are never changed."""
        return tuple(cell for cell in self.pictures if not cell.legacy)

    @property
    def all_starred(self) -> bool:
        """Whether every picture that can be starred is."""
        return bool(self.starrable) and all(cell.starred for cell in self.starrable)

    @property
    def trashable(self) -> tuple[JobFacts, ...]:
        """The jobs that can go: those that have ended."""
        active = {cell.job.job_id for cell in self.cells if cell.active}
        return tuple(job for job in self.jobs if job.job_id not in active)

    @property
    def goes_unselected(self) -> int:
        """How many pictures would go to the Trash with the selected ones, being of the same jobs."""
        return sum(job.picture_count for job in self.trashable) - sum(
            not cell.active for cell in self.pictures
        )


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """One entry of the menu. `offered` False: left out, rather than greyed, where it does not apply."""

    action: GalleryAction
    label: Callable[[Selection], str]
    applies: Callable[[Selection], bool]
    group: int
    always_offered: bool = True


def _called(text: str) -> Callable[[Selection], str]:
    return lambda _: text


def _one_picture(selection: Selection) -> bool:
    return len(selection.cells) == len(selection.pictures) == 1


def _one_job(selection: Selection) -> bool:
    return len(selection.jobs) == 1


def _comparable(selection: Selection) -> bool:
    return _one_picture(selection) and bool(selection.jobs[0].input_names)


def _repeatable(selection: Selection) -> bool:
    return _one_job(selection) and is_known_model(selection.jobs[0].model_id)


def _over_and_repeatable(selection: Selection) -> bool:
    return _repeatable(selection) and not selection.cells[0].active


def _failed(selection: Selection) -> bool:
    cell = selection.cells[0] if _one_job(selection) else None
    return cell is not None and not cell.active and cell.state is not JobState.SUCCEEDED


def _cancellable(selection: Selection) -> bool:
    return any(cell.active and cell.state is not JobState.CANCELLING for cell in selection.cells)


def _star_label(selection: Selection) -> str:
    return "Remove Star" if selection.all_starred else "Star"


def _trash_label(selection: Selection) -> str:
    if selection.goes_unselected:
        count = sum(job.picture_count for job in selection.trashable)
        return f"Move All {count} Pictures to Trash"
    return "Move to Trash"


ENTRIES: tuple[ActionEntry, ...] = (
    ActionEntry(GalleryAction.CANCEL, _called("Cancel"), _cancellable, 0, always_offered=False),
    ActionEntry(GalleryAction.RETRY, _called("Retry"), _failed, 0, always_offered=False),
    ActionEntry(GalleryAction.SAVE_AS, _called("Save As…"), _one_picture, 1),
    ActionEntry(GalleryAction.SAVE_ALL, _called("Save All…"), lambda it: len(it.all_keys) > 1, 1),
    ActionEntry(GalleryAction.COPY_IMAGE, _called("Copy Image"), _one_picture, 2),
    ActionEntry(GalleryAction.COPY_PROMPT, _called("Copy Prompt"), _one_job, 2),
    ActionEntry(GalleryAction.USE_AS_INPUT, _called("Use as Input"), lambda it: bool(it.pictures), 3),
    ActionEntry(GalleryAction.REUSE_SETTINGS, _called("Reuse Settings"), _repeatable, 3),
    ActionEntry(GalleryAction.RUN_AGAIN, _called("Run Again with New Seed"), _over_and_repeatable, 3),
    ActionEntry(GalleryAction.COMPARE, _called("Compare with Input"), _comparable, 4),
    ActionEntry(GalleryAction.STAR, _star_label, lambda it: bool(it.starrable), 4),
    ActionEntry(GalleryAction.SHOW_IN_FINDER, _called("Show in Finder"), _one_job, 5),
    ActionEntry(GalleryAction.GET_INFO, _called("Get Info"), _one_job, 5),
    ActionEntry(GalleryAction.TRASH, _trash_label, lambda it: bool(it.trashable), 6),
)
"""Every command, in the order of the menu; a line stands between two groups."""
