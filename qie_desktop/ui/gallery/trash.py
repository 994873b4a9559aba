"""Moving jobs to the Trash, and bringing them back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from qie_desktop.core.errors import JobDamaged, JobNotFound, JobStateError, QieError
from qie_desktop.ui.gallery.job_facts import facts_of
from qie_desktop.ui.gallery.trash_can import (
    OWN_TRASH,
    TrashedFolder,
    bring_back,
    move_to_system_trash,
    trash_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.services.keeping import KeepRule
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.gallery.job_facts import JobFacts
    from qie_desktop.ui.session import Session


@dataclass(frozen=True, slots=True)
class TrashedJobs:
    """Jobs that went together. `error` says why some that were meant to go did not.

    `rule`: they went because of what the settings say, and not because they were chosen.
    """

    folders: tuple[TrashedFolder, ...]
    picture_count: int
    error: QieError | None = None
    rule: KeepRule | None = None

    @property
    def in_system(self) -> bool:
        """Whether all are in the system's Trash."""
        return all(folder.in_system for folder in self.folders)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The ids of the jobs."""
        return tuple(folder.original.name for folder in self.folders)


class Trash(QObject):
    """Takes whole jobs: a folder holds all that a job made. One move at a time is undone, the last one first.

    GUI thread; the moving is done off it.
    """

    moved = Signal(object)
    """TrashedJobs: they are gone from the jobs folder and from the listing."""
    brought_back = Signal(object)
    """list[Job]: they are where they were, and in the listing."""
    failed = Signal(object)
    """QieError: they could not be moved, or not be brought back."""
    rule_regretted = Signal()
    """What a rule had taken is being brought back: it should take nothing any longer."""
    undo_changed = Signal(bool)
    """bool: whether there is something to bring back now."""

    def __init__(
        self,
        session: Session,
        parent: QObject | None = None,
        system: Callable[[Path], Path | None] = move_to_system_trash,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._system = system
        self._done: list[TrashedJobs] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is something to bring back."""
        return bool(self._done)

    def move(self, jobs: Sequence[JobFacts]) -> None:
        """Move jobs to the Trash; one that is queued or runs stays."""
        if jobs:
            work = partial(_move, self._session.store, tuple(jobs), self._system)
            self._session.background.run(work, self._on_moved, self._on_failed)

    def tidy(self, rule: KeepRule, spared: frozenset[str]) -> None:
        """Move to the Trash what a rule keeps no longer, but for the jobs in `spared`."""
        work = partial(_tidy, self._session.store, rule, spared, self._system)
        self._session.background.run(work, self._on_moved, self._on_failed)

    def undo(self) -> None:
        """Bring back what went last."""
        if self._done:
            last = self._done.pop()
            work = partial(_bring_back, self._session.store, last.folders)
            failed = partial(self._on_undo_failed, last)
            self._session.background.run(work, self._on_brought_back, failed)
            self.undo_changed.emit(self.can_undo)
            if last.rule is not None:
                self.rule_regretted.emit()

    def _on_moved(self, moved: TrashedJobs) -> None:
        if moved.folders:
            self._done.append(moved)
            self.moved.emit(moved)
            self.undo_changed.emit(True)
        if moved.error is not None:
            self.failed.emit(moved.error)

    def _on_brought_back(self, jobs: list[Job]) -> None:
        self.brought_back.emit(jobs)

    def _on_undo_failed(self, trashed: TrashedJobs, error: QieError) -> None:
        left = tuple(folder for folder in trashed.folders if not folder.original.exists())
        back = [folder.original.name for folder in trashed.folders if folder not in left]
        if back:
            work = partial(_loaded, self._session.store, back)
            self._session.background.run(work, self._on_brought_back, self._on_failed)
        self.failed.emit(error)

    def _on_failed(self, error: QieError) -> None:
        self.failed.emit(error)


def _tidy(
    store: JobStore, rule: KeepRule, spared: frozenset[str], system: Callable[[Path], Path | None]
) -> TrashedJobs:
    from qie_desktop.services.keeping import no_longer_kept  # noqa: PLC0415 - not before the window is painted

    jobs = [facts_of(job) for job in no_longer_kept(store, rule) if job.job_id not in spared]
    return _move(store, tuple(jobs), system, rule)


def _move(
    store: JobStore,
    jobs: tuple[JobFacts, ...],
    system: Callable[[Path], Path | None],
    rule: KeepRule | None = None,
) -> TrashedJobs:
    folders: list[TrashedFolder] = []
    pictures = 0
    error: QieError | None = None
    for job in jobs:
        try:
            folder = store.folder(job.job_id)
            if store.claims.held_by_anyone(folder):
                if rule is not None:
                    continue
                raise JobStateError("A job that has not ended stays.", "Cancel it first.")
            # As it is now: it may have been starred since it was listed.
            if rule is not None and not rule.lets_go(store.load(job.job_id)):
                continue
            folders.append(trash_folder(folder, store.data_folder.home / OWN_TRASH, system))
            pictures += job.picture_count
        except JobNotFound:
            continue
        except QieError as problem:
            error = error or problem
    store.forget([folder.original.name for folder in folders])
    return TrashedJobs(tuple(folders), pictures, error, rule)


def _bring_back(store: JobStore, folders: tuple[TrashedFolder, ...]) -> list[Job]:
    error: QieError | None = None
    for folder in folders:
        try:
            bring_back(folder)
        except QieError as problem:
            error = error or problem
    jobs = _loaded(store, [folder.original.name for folder in folders if folder.original.exists()])
    if error is not None:
        raise error
    return jobs


def _loaded(store: JobStore, job_ids: Sequence[str]) -> list[Job]:
    store.refresh()
    jobs: list[Job] = []
    for job_id in job_ids:
        try:
            jobs.append(store.load(job_id))
        except (JobNotFound, JobDamaged):
            continue
    return jobs
