"""Everything that was made and is being made, as a list for the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from qie_desktop.core.events import JobEvent, Terminal
from qie_desktop.core.job import Job, JobState
from qie_desktop.ui.gallery.cell_roles import OF_PROGRESS, TOLD, Role
from qie_desktop.ui.gallery.cells import Cell, GalleryFilter, cells_of
from qie_desktop.ui.gallery.dragging import output_mime_data
from qie_desktop.ui.gallery.gallery_rows import GalleryRows
from qie_desktop.ui.gallery.job_facts import JobFacts, facts_of
from qie_desktop.ui.gallery.job_pages import JobPages
from qie_desktop.ui.gallery.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QImage

    from qie_desktop.ui.session import Session

AnyIndex = QModelIndex | QPersistentModelIndex
_OVER = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""A job in one of these states runs no more, whatever is told of it late."""


class GalleryModel(QAbstractListModel):
    """One row for each picture, newest first, with the jobs on their way above. GUI thread only.

    It reads the store page by page off the GUI thread, and then follows `session.jobs` row by row. A job that
    failed, was cancelled or was cut off stands at its own time among the pictures.
    """

    first_page_shown = Signal()
    """The first page of a listing is in the rows; more may follow."""
    listing_finished = Signal()
    """All of the listing is in the rows."""
    removed = Signal(list, object)
    """list[str], tuple[str, int] | None: jobs that are gone, and the cell that stands in their place now."""
    listing_failed = Signal(object)
    """QieError: the jobs cannot be listed."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows = GalleryRows()
        self._filter = GalleryFilter()
        self._progress: dict[str, Progress] = {}
        self._formed: dict[str, QImage] = {}
        self._newer: dict[str, JobFacts] = {}
        self._gone: set[str] = set()
        self._pages = JobPages(session, self)
        self._pages.page_loaded.connect(self._on_page_loaded)
        self._pages.finished.connect(self._on_finished)
        self._pages.failed.connect(self.listing_failed)
        session.jobs.submitted.connect(self._on_submitted)
        session.jobs.told.connect(self._on_told)
        session.jobs.ended.connect(self._on_ended)

    @property
    def filter(self) -> GalleryFilter:
        """What is let through."""
        return self._filter

    @property
    def loading(self) -> bool:
        """Whether pages are still to come."""
        return self._pages.loading

    def reload(self, wanted: GalleryFilter | None = None) -> None:
        """List anew, with another filter where one is given; the rows stay until the first page is there."""
        self._filter = self._filter if wanted is None else wanted
        self._newer.clear()
        self._gone.clear()
        self._pages.start(self._filter)

    def cell(self, row: int) -> Cell:
        """Return the cell of a row."""
        return self._rows[row]

    def progress(self, job_id: str) -> Progress | None:
        """Return how far a job on its way is."""
        return self._progress.get(job_id)

    def index_of(self, job_id: str, index: int) -> QModelIndex:
        """Return the model index of a cell; an invalid one where it is not shown."""
        row = self._rows.row_of(job_id, index)
        return QModelIndex() if row is None else self.index(row)

    def job_indexes(self, job_id: str) -> list[QModelIndex]:
        """Return the model indexes of all cells of a job."""
        row, count = self._rows.span(job_id)
        return [self.index(at) for at in range(row, row + count)]

    def has_unknown_progress(self) -> bool:
        """Whether any job runs that cannot tell how far it is."""
        return any(
            progress.fraction is None and progress.state is not JobState.QUEUED
            for progress in self._progress.values()
        )

    def put(self, job: Job) -> None:
        """Show a job as it is now, changing no other row."""
        facts = facts_of(job)
        if self._pages.loading:
            self._newer[job.job_id] = facts
            self._gone.discard(job.job_id)
        self._show(facts)

    def remove(self, job_ids: Iterable[str]) -> None:
        """Take jobs out that are no longer in the store."""
        gone, place = list(job_ids), 0
        for job_id in gone:
            row, count = self._rows.span(job_id)
            place = row if count else place
            if self._pages.loading:
                self._gone.add(job_id)
                self._newer.pop(job_id, None)
                self._pages.step_back(1 if count else 0)
            self._remove(row, count)
        last = len(self._rows) - 1
        self.removed.emit(gone, self._rows[min(place, last)].key if last >= 0 else None)

    def mark_cancelling(self, job_id: str) -> None:
        """Say at once that a job is being cancelled."""
        progress = self._progress.get(job_id)
        row, count = self._rows.span(job_id)
        if progress is not None:
            self._progress[job_id] = progress.cancelling()
            if count:
                self._show(self._rows[row].job)

    def rowCount(self, parent: AnyIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many cells there are."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell tells; see `Role`."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        told = TOLD.get(role)
        cell = self._rows[index.row()]
        if role == Role.FORMED:
            return self._formed.get(cell.job.job_id)
        return None if told is None else told(cell, self._progress.get(cell.job.job_id))

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """Return that cells can be selected, and pictures dragged."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        draggable = self._rows[index.row()].output is not None
        return flags | Qt.ItemFlag.ItemIsDragEnabled if draggable else flags

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: N802 - Qt's name
        """Return the pictures as files and as outputs of our own."""
        cells = [self._rows[row] for row in sorted(index.row() for index in indexes)]
        return output_mime_data(self._session.store, [cell for cell in cells if cell.output is not None])

    def supportedDragActions(self) -> Qt.DropAction:  # noqa: N802 - Qt's name
        """Return that what is dragged out is copied."""
        return Qt.DropAction.CopyAction

    def _on_page_loaded(self, jobs: list[JobFacts], first: bool) -> None:
        fresh = [self._newer.get(job.job_id, job) for job in jobs if job.job_id not in self._gone]
        if first:
            self._begin_listing(fresh)
            return
        fresh = [job for job in fresh if not self._rows.knows(job.job_id)]
        last: list[Cell] = []
        for job in fresh:
            cells = self._cells_of(job)
            if (
                cells
                and self._rows.belongs_last(cells[0].order)
                and (not last or last[-1].order < cells[0].order)
            ):
                last += cells
            else:
                self._show(job)
        self._insert(len(self._rows), last)

    def _begin_listing(self, jobs: list[JobFacts]) -> None:
        self.beginResetModel()
        shown = {job.job_id: job for job in jobs} | self._newer
        running = set(self._session.jobs.active())
        for job in shown.values():
            if job.job_id in running and job.job_id not in self._progress:
                self._progress[job.job_id] = Progress(job.state)
        self._rows.reset([cell for job in shown.values() for cell in self._cells_of(job)])
        self.endResetModel()
        self.first_page_shown.emit()

    def _on_finished(self) -> None:
        self._newer.clear()
        self._gone.clear()
        self.listing_finished.emit()

    def _on_submitted(self, job: Job) -> None:
        self._progress[job.job_id] = Progress(JobState.QUEUED, words="Queued")
        self.put(job)

    def _on_told(self, event: JobEvent) -> None:
        if isinstance(event, Terminal):
            return  # `ended` follows, with the job as it is on disk
        job_id = event.job_id
        row, count = self._rows.span(job_id)
        before = self._progress.get(job_id)
        if before is None and count and self._rows[row].job.state in _OVER:
            return
        after = (before or Progress(JobState.QUEUED)).after(event)
        self._progress[job_id] = after
        if not count:
            return
        if before is None or before.state is not after.state:
            self._show(self._rows[row].job)
        else:
            self.dataChanged.emit(self.index(row), self.index(row), OF_PROGRESS)

    def _on_ended(self, job: Job) -> None:
        progress = self._progress.pop(job.job_id, None)
        if progress is not None and progress.preview is not None:
            self._formed = {job.job_id: progress.preview}
        self.put(job)

    def _cells_of(self, job: JobFacts) -> list[Cell]:
        progress = self._progress.get(job.job_id)
        return cells_of(job, job.state if progress is None else progress.state, self._filter)

    def _show(self, job: JobFacts) -> None:
        """Bring a job's rows to what they should be, in place as far as there were some before."""
        cells = self._cells_of(job)
        row, count = self._rows.span(job.job_id)
        if not count:
            if cells:
                self._insert(self._rows.place_for(cells[0].order), cells)
            return
        common = min(count, len(cells))
        self._remove(row + common, count - common)
        if not common:
            return
        row = self._replace(row, cells[:common])
        self._insert(row + common, cells[common:])

    def _replace(self, row: int, cells: list[Cell]) -> int:
        target = self._rows.place_for(cells[0].order)
        count = len(cells)
        if row <= target <= row + count:
            self._rows.replace(row, cells)
        else:
            self.beginMoveRows(QModelIndex(), row, row + count - 1, QModelIndex(), target)
            row = self._rows.move(row, count, target)
            self._rows.replace(row, cells)
            self.endMoveRows()
        self.dataChanged.emit(self.index(row), self.index(row + count - 1))
        return row

    def _insert(self, row: int, cells: list[Cell]) -> None:
        if cells:
            self.beginInsertRows(QModelIndex(), row, row + len(cells) - 1)
            self._rows.insert(row, cells)
            self.endInsertRows()

    def _remove(self, row: int, count: int) -> None:
        if count:
            self.beginRemoveRows(QModelIndex(), row, row + count - 1)
            self._rows.remove(row, count)
            self.endRemoveRows()
