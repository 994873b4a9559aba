"""The right side of the window: search, star filter, and everything that was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from qie_desktop.core.job import JobState
from qie_desktop.ui.gallery.cell_commands import CellCommands
from qie_desktop.ui.gallery.cell_parts import Part
from qie_desktop.ui.gallery.cells import GalleryFilter
from qie_desktop.ui.gallery.empty_state import EmptyState
from qie_desktop.ui.gallery.gallery_actions import GalleryAction, Selection
from qie_desktop.ui.gallery.gallery_menu import GalleryMenu
from qie_desktop.ui.gallery.gallery_model import GalleryModel
from qie_desktop.ui.gallery.gallery_notice import GalleryNotice
from qie_desktop.ui.gallery.gallery_search import GallerySearch
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.quick_look_control import QuickLookControl
from qie_desktop.ui.gallery.saving import OutputSaver
from qie_desktop.ui.gallery.star_filter import StarFilter
from qie_desktop.ui.gallery.thumbnails import Thumbnails
from qie_desktop.ui.gallery.trash import Trash
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.job import Job
    from qie_desktop.services.keeping import KeepRule
    from qie_desktop.ui.gallery.cells import Cell
    from qie_desktop.ui.session import Session

Key = tuple[str, int]
_LEAST_WIDTH: Final = 168


class GalleryPanel(QWidget):
    """Shows what was made, and emits what the person asks for. GUI thread.

    An index is the place of a picture among its job's `outputs`; -1 (`NO_OUTPUT`) stands for a job that has
    none: one that is on its way, or failed. The panel saves, stars, copies, trashes and shows in full by
    itself; everything else is up to whoever listens.
    """

    output_activated = Signal(str, int)
    """str, int: job id and index of what is to be shown: clicked, moved to, or Return pressed on it."""
    use_as_input = Signal(object)
    """list[Path]: pictures that are to be inputs."""
    reuse_settings = Signal(str)
    """str: the id of the job whose request is to be taken over."""
    run_again = Signal(str)
    """str: the id of the job that is to be run again with a new seed."""
    retry_requested = Signal(str)
    """str: the id of the job that is to be run again as it was."""
    cancel_requested = Signal(str)
    """str: the id of the job that is to be cancelled."""
    compare_requested = Signal(str, int)
    """str, int: job id and index of the picture that is to be compared with its input."""
    info_requested = Signal(str)
    """str: the id of the job of which everything is to be told."""
    save_requested = Signal(object)
    """list[tuple[str, int]]: pictures that the panel is now asking a place for."""
    quick_look_requested = Signal(str, int)
    """str, int: job id and index of the picture that the panel now shows over the whole window."""
    selection_changed = Signal()
    """Other cells are selected, or none."""
    undo_trash_changed = Signal(bool)
    """bool: whether `undo_trash` would bring something back."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery_panel")
        self.setMinimumWidth(_LEAST_WIDTH)
        self._session = session
        self._kept: list[Key] = []
        self._awaited: Key | None = None
        self.model = GalleryModel(session, self)
        self._thumbnails = Thumbnails(session, self)
        self._search = GallerySearch()
        self._star_filter = StarFilter()
        self._view = GalleryView(self.model, self._thumbnails)
        self._empty = EmptyState()
        self._stack = QStackedWidget()
        self._notice = GalleryNotice()
        self._trash = Trash(session, self)
        self._quick_look = QuickLookControl(session, self.model, self._view)
        self.saver = OutputSaver(session, self)
        self._lay_out()
        self._commands = CellCommands(session, self.model, self._notice, self._trash, self.saver)
        self._connect()
        self.setTabOrder(self._search, self._star_filter)
        self.setTabOrder(self._star_filter, self._view)

    def reload(self) -> None:
        """List anew what is on disk."""
        self.model.reload()

    def selected(self) -> list[Key]:
        """Return job id and index of the selected cells, in the order of the gallery."""
        return [cell.key for cell in self._selection().cells]

    def select(self, job_id: str, index: int) -> None:
        """Select one cell and see that it is visible; once it is there, where it is still being read.

        Of a job that has no such picture, its first cell. Emits no `output_activated`.
        """
        at = self.model.index_of(job_id, index)
        if not at.isValid():
            at = next(iter(self.model.job_indexes(job_id)), QModelIndex())
        self._awaited = None if at.isValid() or not self.model.loading else (job_id, index)
        if at.isValid():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self._view.selectionModel().setCurrentIndex(at, flags)
            self._view.scrollTo(at)

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def move_selection_to_trash(self) -> None:
        """Move the jobs of the selected cells to the Trash; those that have not ended stay."""
        self._commands.move_to_trash(self._selection())

    def undo_trash(self) -> None:
        """Bring back what went to the Trash last."""
        self._trash.undo()

    def can_undo_trash(self) -> bool:
        """Return whether `undo_trash` would bring something back."""
        return self._trash.can_undo

    def tidy(self, rule: KeepRule, spared: frozenset[str]) -> None:
        """Move to the Trash what a rule keeps no longer, but for the jobs in `spared`, and say so."""
        self._trash.tidy(rule, spared)

    def toggle_star(self) -> None:
        """Star the selected pictures; take the stars away where all of them have one."""
        self._commands.toggle_star(self._selection())

    def save_selection_as(self) -> None:
        """Ask for a name for the selected picture; for a folder where several are selected."""
        self._commands.save(self._selection())

    def save_all(self) -> None:
        """Ask for a folder for the selected pictures; for all of a job's where one is selected."""
        self._commands.save_all(self._selection())

    def mark_cancelling(self, job_id: str) -> None:
        """Say at once in its cell that a job is being cancelled."""
        self.model.mark_cancelling(job_id)

    def perform(self, action: GalleryAction) -> None:
        """Do with the selection what the context menu does."""
        self._perform(action, self._selection())

    def _lay_out(self) -> None:
        self._stack.addWidget(self._view)
        self._stack.addWidget(self._empty)
        top = QHBoxLayout()
        # The star itself, not the button around it, ends where the pictures do.
        top.setContentsMargins(Spacing.l, Spacing.l, Spacing.m, Spacing.xs)
        top.setSpacing(Spacing.xs)
        top.addWidget(self._search, 1)
        top.addWidget(self._star_filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._notice)

    def _connect(self) -> None:
        model, view = self.model, self._view
        for changed in (model.rowsInserted, model.rowsRemoved, model.listing_finished):
            changed.connect(self._show_whether_empty)
        model.modelAboutToBeReset.connect(self._on_about_to_be_reset)
        model.first_page_shown.connect(self._on_first_page_shown)
        model.rowsInserted.connect(self._on_rows_inserted)
        model.listing_failed.connect(self._notice.complain)
        self._search.searched.connect(self._on_filter_changed)
        self._search.left_downwards.connect(view.setFocus)
        self._star_filter.toggled.connect(self._on_filter_changed)
        self._empty.everything_wanted.connect(self._on_everything_wanted)
        view.cell_opened.connect(self._on_cell_opened)
        view.quick_look_wanted.connect(self._quick_look.show_at)
        view.trash_wanted.connect(self.move_selection_to_trash)
        view.undo_wanted.connect(self.undo_trash)
        view.part_pressed.connect(self._on_part_pressed)
        view.menu_wanted.connect(self._on_menu_wanted)
        view.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self._session.jobs.submitted.connect(view.scrollToTop)
        self._trash.undo_changed.connect(self.undo_trash_changed)
        self._commands.brought_back.connect(self._on_brought_back)
        self._commands.save_wanted.connect(self.save_requested)
        self._quick_look.shown.connect(self.quick_look_requested)
        self._quick_look.stepped.connect(self._on_stepped)

    def _selection(self) -> Selection:
        rows = sorted(index.row() for index in self._view.selectedIndexes())
        return Selection(tuple(self.model.cell(row) for row in rows))

    def _perform(self, action: GalleryAction, selection: Selection) -> None:
        if not selection.cells or self._commands.perform(action, selection):
            return
        first = selection.cells[0]
        match action:
            case GalleryAction.CANCEL:
                for cell in selection.cells:
                    self._cancel(cell)
            case GalleryAction.USE_AS_INPUT:
                self.use_as_input.emit(self._paths(selection))
            case GalleryAction.COMPARE:
                self.compare_requested.emit(*first.key)
            case GalleryAction.REUSE_SETTINGS:
                self.reuse_settings.emit(first.job.job_id)
            case GalleryAction.RUN_AGAIN:
                self.run_again.emit(first.job.job_id)
            case GalleryAction.RETRY:
                self.retry_requested.emit(first.job.job_id)
            case GalleryAction.GET_INFO:
                self.info_requested.emit(first.job.job_id)
            case _:
                raise ValueError(f"nobody carries out {action}")

    def _paths(self, selection: Selection) -> list[Path]:
        store = self._session.store
        return [cell.job.picture_path(store, cell.index) for cell in selection.pictures]

    def _cancel(self, cell: Cell) -> None:
        if cell.active and cell.state is not JobState.CANCELLING:
            self.model.mark_cancelling(cell.job.job_id)
            self.cancel_requested.emit(cell.job.job_id)

    def _show_whether_empty(self) -> None:
        empty = self.model.rowCount() == 0
        if empty and self.model.loading:
            return
        if empty:
            self._empty.explain(self.model.filter)
        self._stack.setCurrentWidget(self._empty if empty else self._view)

    def _on_about_to_be_reset(self) -> None:
        self._kept = self.selected()

    def _on_first_page_shown(self) -> None:
        flags = QItemSelectionModel.SelectionFlag.Select
        for key in self._kept:
            at = self.model.index_of(*key)
            if at.isValid():
                self._view.selectionModel().select(at, flags)
        self._on_rows_inserted()
        self._show_whether_empty()

    def _on_rows_inserted(self) -> None:
        if self._awaited is not None and self.model.index_of(*self._awaited).isValid():
            self.select(*self._awaited)

    def _on_filter_changed(self) -> None:
        self.model.reload(GalleryFilter(self._search.text(), self._star_filter.isChecked()))

    def _on_everything_wanted(self) -> None:
        self._search.clear()
        self._star_filter.setChecked(False)
        self._on_filter_changed()

    def _on_cell_opened(self, at: QModelIndex) -> None:
        self.output_activated.emit(*self.model.cell(at.row()).key)

    def _on_selection_changed(self) -> None:
        self.selection_changed.emit()

    def _on_part_pressed(self, at: QModelIndex, part: str) -> None:
        cell = self.model.cell(at.row())
        match part:
            case Part.CANCEL:
                self._cancel(cell)
            case Part.RETRY:
                self.retry_requested.emit(cell.job.job_id)
            case _:
                self._commands.toggle_star(Selection((cell,)))

    def _on_menu_wanted(self, at: QPoint) -> None:
        menu = GalleryMenu(self._selection(), self)
        menu.chosen.connect(self._on_menu_chosen)
        menu.popup(at)

    def _on_menu_chosen(self, action: str) -> None:
        self._perform(GalleryAction(action), self._selection())

    def _on_brought_back(self, jobs: list[Job]) -> None:
        if jobs:
            self._on_stepped(jobs[0].job_id, 0)

    def _on_stepped(self, job_id: str, index: int) -> None:
        self.select(job_id, index)
        self.output_activated.emit(job_id, index)
