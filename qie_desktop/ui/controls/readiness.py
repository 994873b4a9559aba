"""Which models can be used now, asked off the GUI thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.controls.answers import LatestAnswer
from qie_desktop.ui.download_words import brief_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.core.download import DownloadState
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model import ModelSpec
    from qie_desktop.core.request import Request
    from qie_desktop.ui.session import Session


class Readiness(QObject):
    """What is in the way of each model, as it was when last asked. GUI thread."""

    changed = Signal()
    """It has been asked anew."""
    download_changed = Signal()
    """The download that a model may wait for is further on."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask = session.readiness
        self._known: dict[str, QieError | None] = {}
        self._answer = LatestAnswer(session.background, self)
        self._download: DownloadState | None = None

    def problem(self, spec: ModelSpec) -> QieError | None:
        """Return what is in the way of a model; None where nothing is, or nothing is known yet."""
        return self._known.get(spec.id)

    def refresh(self) -> None:
        """Ask again, as after a token was added or a model downloaded."""
        self._answer.ask(partial(_look, self._ask), self._on_known)

    def show_download(self, state: DownloadState | None) -> None:
        """Take note of how far the download is."""
        self._download = state
        self.download_changed.emit()

    def download_text(self, spec: ModelSpec, quantisation: str = "") -> str:
        """Return how far the download of a model is, or of that quantisation; nothing where none is."""
        state = self._download
        if state is None or state.choice.model_id != spec.id:
            return ""
        return brief_text(state, quantisation)

    def _on_known(self, known: dict[str, QieError | None]) -> None:
        self._known = known
        self.changed.emit()


def _look(ask: Callable[[ModelSpec, Request | None], QieError | None]) -> dict[str, QieError | None]:
    return {spec.id: ask(spec, None) for spec in CATALOGUE}
