"""The jobs of the store, page by page, read off the GUI thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from qie_desktop.ui.gallery.cells import GalleryFilter
from qie_desktop.ui.gallery.job_facts import facts_of

if TYPE_CHECKING:
    from qie_desktop.core.errors import QieError
    from qie_desktop.storage.job_store import JobStore
    from qie_desktop.ui.gallery.job_facts import JobFacts
    from qie_desktop.ui.session import Session

_PAGE = 200
_SCREENFUL = 60
"""More cells than are seen at once, and few enough to be read from their folders in an instant."""
_PAUSE_MS = 10
"""Between two pages. Reading one keeps the interpreter busy, which the GUI thread feels at each call into it:
small pages and pauses keep that below what can be noticed."""


class JobPages(QObject):
    """Reads one listing at a time; a new one ends that before it. GUI thread."""

    page_loaded = Signal(object, bool)
    """list[JobFacts], bool: newest first; whether it is the first page of this listing."""
    finished = Signal()
    """The listing is complete."""
    failed = Signal(object)
    """QieError: the listing cannot be read."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._listing = 0
        self._offset = 0
        self._loading = False
        self._shown = False
        self._wanted: GalleryFilter | None = None
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._read_next)

    @property
    def loading(self) -> bool:
        """Whether pages are still to come."""
        return self._loading

    def start(self, wanted: GalleryFilter) -> None:
        """Read from the beginning what this filter lets through."""
        self._listing += 1
        self._offset = 0
        self._loading = True
        self._shown = False
        self._wanted = wanted
        self._pause.stop()
        if wanted == GalleryFilter():
            work = partial(_glance, self._session.store)
            seen = partial(self._on_seen, self._listing)
            failed = partial(self._on_failed, self._listing)
            self._session.background.run(work, seen, failed, soon=True)
        else:
            self._read_next()

    def step_back(self, job_count: int) -> None:
        """Note that jobs which have been read already are gone, so that none after them is passed over."""
        self._offset = max(0, self._offset - job_count)

    def _on_seen(self, listing: int, jobs: list[JobFacts]) -> None:
        """Show what can be shown before the index is up to date; the listing then adds to it."""
        if listing != self._listing:
            return
        self._shown = bool(jobs)
        if jobs:
            self.page_loaded.emit(jobs, True)
        if listing == self._listing:
            self._read_next()

    def _read_next(self) -> None:
        if self._wanted is not None:
            first = self._offset == 0 and not self._shown
            work = partial(_read, self._session.store, self._wanted, self._offset)
            self._offset += _PAGE
            self._session.background.run(
                work,
                partial(self._on_read, self._listing, first),
                partial(self._on_failed, self._listing),
            )

    def _on_read(self, listing: int, first: bool, jobs: list[JobFacts]) -> None:
        if listing != self._listing:
            return
        self.page_loaded.emit(jobs, first)
        if listing != self._listing:
            return
        if len(jobs) == _PAGE:
            self._pause.start()
        else:
            self._loading = False
            self.finished.emit()

    def _on_failed(self, listing: int, error: QieError) -> None:
        if listing == self._listing:
            self._loading = False
            self.failed.emit(error)


def _glance(store: JobStore) -> list[JobFacts]:
    """Read what can be shown before the index is up to date. For any thread."""
    return [facts_of(job) for job in store.glance(_SCREENFUL)]


def _read(store: JobStore, wanted: GalleryFilter, offset: int) -> list[JobFacts]:
    """Read one page. For any thread."""
    jobs = store.list(wanted.search, starred=wanted.starred, limit=_PAGE, offset=offset)
    return [facts_of(job) for job in jobs]
