"""What is chosen in Manage Models, what it would bring, and how far it is: state without widgets."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from qie_desktop.core.download import TaskKind
from qie_desktop.ui.controls.answers import LatestAnswer
from qie_desktop.ui.download_watch import downloads_of
from qie_desktop.ui.sheets.download_rows import with_part
from qie_desktop.ui.sheets.download_view import LOOKING, CardView, Offer, card_view
from qie_desktop.ui.sheets.model_states import ModelState, hub_models, look_at_model

if TYPE_CHECKING:
    from qie_desktop.core.download import DownloadPlan, DownloadState, PartState
    from qie_desktop.core.errors import ErrorInfo, QieError
    from qie_desktop.core.model_parts import DownloadChoice
    from qie_desktop.ui.download_watch import DownloadWatch
    from qie_desktop.ui.session import Session

_LOOK_S = 0.9
"""How often the files themselves are looked at while a download runs."""


class DownloadChooser(QObject):
    """Keeps the model as it is on this machine, the choice and its plan, together with the download."""

    changed = Signal()
    """Something is different; `model` and `choice` are known from the first time on."""
    failed = Signal(object)
    """QieError: the files could not be looked at."""

    def __init__(self, session: Session, watch: DownloadWatch, parent: QObject, quantisation: str) -> None:
        super().__init__(parent)
        self._session = session
        self._watch = watch
        self._spec = hub_models()[0]
        self._preferred = quantisation
        self._plan: DownloadPlan | None = None
        self._refused: ErrorInfo | None = None
        self._looked_s = 0.0
        self._was_running = False
        self._look = LatestAnswer(session.background, self)
        self._parts = LatestAnswer(session.background, self)
        self.model: ModelState | None = None
        self.choice: DownloadChoice | None = None

    @property
    def view(self) -> CardView:
        """What the card is to show."""
        if self.choice is None or self.model is None:
            return LOOKING
        damaged = any(part.damaged for part in self.model.parts)
        return card_view(self._plan, self._watch.state, self.choice, self._refused, damaged=damaged)

    @property
    def repo(self) -> str:
        """The repository that the download is at, or was at when it stopped."""
        state = self._watch.state
        parts = self.model.parts if self.model is not None else ()
        about = [each.part for each in parts if state is not None and each.part.select([state.file])]
        return (about or [each.part for each in parts])[0].repo

    def begin(self) -> None:
        """Look, and follow the download until `end`."""
        self._watch.changed.connect(self._on_state_changed)
        self._watch.busy_changed.connect(self._on_busy_changed)
        self._watch.failed.connect(self._on_refused)
        self._watch.files_changed.connect(self._look_at_parts)
        self._watch.follow()
        work = partial(look_at_model, self._session.folder, self._session.settings, self._spec)
        self._look.ask(work, self._on_looked, self.failed.emit)

    @Slot()
    def end(self) -> None:
        """Follow no longer. The download goes on."""
        self._watch.leave()

    def prefer(self, quantisation: str) -> None:
        """Choose a quantisation, now or once it is known which there are."""
        self._preferred = quantisation
        if self.model is not None:
            self._choose(self._first_choice(self.model))

    @Slot(str)
    def choose(self, part_id: str) -> None:
        """Take a part into the choice; one that can be left out is left out the second time."""
        if self.model is not None and self.choice is not None:
            self._choose(with_part(self.choice, self.model.part(part_id), self.model))

    def do(self, offer: Offer) -> bool:
        """Do what a button says; return False for what is done elsewhere."""
        assert self.choice is not None
        self._refused = None
        match offer:
            case Offer.DOWNLOAD:
                self._watch.start(self.choice)
            case Offer.RESUME | Offer.RETRY:
                self._watch.resume()
            case Offer.PAUSE | Offer.STOP:
                self._watch.pause()
            case Offer.DISCARD:
                self._watch.discard()
            case _:
                return False
        return True

    def _choose(self, choice: DownloadChoice) -> None:
        if choice != self.choice:
            self.choice = choice
            self._plan = None
            self._refused = None
            self._look_at_parts()
            self.changed.emit()

    def _first_choice(self, model: ModelState) -> DownloadChoice:
        """Return what is under way, or what is asked for, or what is best; of what is here already, that."""
        state = self._watch.state
        if state is not None and _is_under_way(state) and self._preferred in {"", state.choice.quantisation}:
            return state.choice
        choice = model.recommended
        if self._preferred:
            known = [need for need in model.needs if need.quantisation == self._preferred]
            choice = (
                replace(choice, quantisation=self._preferred, text_encoder=known[0].text_encoder)
                if known
                else choice
            )
        forms = {form.name: model.part(form.part_id).is_installed for form in model.weights.text_encoders}
        if not forms.get(choice.text_encoder) and any(forms.values()):
            choice = replace(choice, text_encoder=next(name for name, here in forms.items() if here))
        return choice

    def _on_looked(self, model: ModelState) -> None:
        self.model = model
        if self.choice is None:
            self.choice = self._first_choice(model)
        self._look_at_parts()
        self.changed.emit()

    @Slot()
    def _look_at_parts(self) -> None:
        if self.choice is None:
            return
        self._looked_s = time.monotonic()
        work = partial(_look_at_parts, self._session, self.choice)
        self._parts.ask(work, self._on_parts_known, self._on_refused)

    def _on_parts_known(self, found: tuple[tuple[PartState, ...], DownloadPlan]) -> None:
        parts, self._plan = found
        if self.model is not None:
            self.model = replace(self.model, parts=parts)
        self.changed.emit()

    @Slot(object)
    def _on_state_changed(self, state: DownloadState | None) -> None:
        runs = state is not None and state.is_running
        if runs:
            self._refused = None
        late = time.monotonic() - self._looked_s > _LOOK_S
        if late or runs != self._was_running:
            self._look_at_parts()
        self._was_running = runs
        self.changed.emit()

    @Slot(bool)
    def _on_busy_changed(self, _busy: bool) -> None:
        self.changed.emit()

    @Slot(object)
    def _on_refused(self, error: QieError) -> None:
        self._refused = error.info()
        self.changed.emit()


def _is_under_way(state: DownloadState) -> bool:
    return state.task is TaskKind.DOWNLOAD and (state.is_running or state.is_resumable)


def _look_at_parts(session: Session, choice: DownloadChoice) -> tuple[tuple[PartState, ...], DownloadPlan]:
    spec = next(spec for spec in hub_models() if spec.id == choice.model_id)
    downloads = downloads_of(session)
    return downloads.parts(spec), downloads.plan(choice)
