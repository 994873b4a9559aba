"""When the whole-window view comes, and how it steps through the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QObject, Signal

from qie_desktop.ui.gallery.quick_look import QuickLook

if TYPE_CHECKING:
    from qie_desktop.ui.gallery.gallery_model import GalleryModel
    from qie_desktop.ui.gallery.gallery_view import GalleryView
    from qie_desktop.ui.session import Session


class QuickLookControl(QObject):
    """Builds the view in the gallery's window when it is first wanted."""

    shown = Signal(str, int)
    """str, int: job id and index of the picture that is shown over the window."""
    stepped = Signal(str, int)
    """str, int: job id and index of the picture that the person stepped to from there."""

    def __init__(self, session: Session, model: GalleryModel, view: GalleryView) -> None:
        super().__init__(view)
        self._session = session
        self._model = model
        self._view = view
        self._look: QuickLook | None = None

    def show_at(self, at: QModelIndex) -> None:
        """Show the picture of a row; nothing where it has none."""
        cell = self._model.cell(at.row())
        if cell.output is None:
            return
        if self._look is None:
            self._look = QuickLook(self._session, self._view.window())
            self._look.stepped.connect(self._on_stepped)
            self._look.closed.connect(self._on_closed)
        self._look.show_cell(cell)
        self.shown.emit(*cell.key)

    def _on_stepped(self, step: int) -> None:
        shown = self._look.cell if self._look is not None else None
        at = QModelIndex() if shown is None else self._model.index_of(*shown.key)
        row = at.row() + step
        while at.isValid() and 0 <= row < self._model.rowCount():
            cell = self._model.cell(row)
            if cell.output is not None:
                self.show_at(self._model.index(row))
                self.stepped.emit(*cell.key)
                return
            row += step

    def _on_closed(self) -> None:
        self._view.setFocus()
