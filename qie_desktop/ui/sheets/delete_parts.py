"""Deleting a part of a model: how much that frees is told, and asked about, first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMessageBox

from qie_desktop.ui.download_watch import downloads_of
from qie_desktop.ui.question import Question
from qie_desktop.ui.sheets.wording import bytes_text

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.download import Deletion
    from qie_desktop.ui.download_watch import DownloadWatch
    from qie_desktop.ui.session import Session


class PartDeletion(QObject):
    """Asks over a window, one question at a time, and deletes what the person agrees to. GUI thread only."""

    told = Signal(str)
    """str: why there is nothing to ask about."""
    failed = Signal(object)
    """QieError: what would go could not be looked up."""

    def __init__(self, window: QWidget, session: Session, watch: DownloadWatch) -> None:
        super().__init__(window)
        self._session = session
        self._watch = watch
        self._question = Question(window, "delete_question", self)
        self._question.answered.connect(self._on_answered)
        self._asked_about: Deletion | None = None

    def begin(self, model_id: str, part_id: str, name: str) -> None:
        """Look up what would go, and ask."""
        if not self._question.is_open:
            self._session.background.run(
                lambda: downloads_of(self._session).deletion(model_id, (part_id,)),
                partial(self._ask, name),
                self.failed.emit,
            )

    def _ask(self, name: str, deletion: Deletion) -> None:
        if self._question.is_open:
            return
        if not deletion.files:
            self.told.emit(f"{name} was downloaded by another program: it is left to that one.")
            return
        self._asked_about = deletion
        explained = (
            f"{bytes_text(deletion.byte_count)} will be free again. It can be downloaded anew at any time."
        )
        role = QMessageBox.ButtonRole.DestructiveRole
        self._question.ask(f"Delete {name}?", explained, "Delete", "confirm_delete", role)

    @Slot(bool)
    def _on_answered(self, agreed: bool) -> None:
        if agreed and self._asked_about is not None:
            self._watch.delete(self._asked_about)
        self._asked_about = None
