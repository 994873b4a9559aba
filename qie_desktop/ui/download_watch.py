"""The download of the data folder as the window sees it: looked at while it runs, and steered."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import DownloadState, TaskPhase
from qie_desktop.ui.sheets.settings_writer import SettingsWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qie_desktop.core.download import Deletion
    from qie_desktop.core.errors import QieError
    from qie_desktop.core.model_parts import DownloadChoice
    from qie_desktop.services.downloads import Downloads
    from qie_desktop.ui.session import Session

_LOOK_MS = 300
_QUANTISATION = "local.quantisation"


class DownloadWatch(QObject):
    """Tells how far the download is, and passes on what the person wants of it. GUI thread only.

    The download is a process of its own: nothing here ends with the window. It is looked at, off the GUI
    thread, while it runs or somebody follows it, and whenever the app comes to the front.
    """

    changed = Signal(object)
    """DownloadState or None: it is different now."""
    ended = Signal(object)
    """DownloadState: what was seen running is done, paused, or has failed."""
    files_changed = Signal()
    """Files of a model have come or gone, or were found damaged: what is installed is to be asked anew."""
    failed = Signal(object)
    """QieError: what was asked for could not be done."""
    busy_changed = Signal(bool)
    """bool: whether something that was asked for is on its way."""
    setting_changed = Signal(str, object)
    """str, Value: a setting's key and its new value; it is on disk."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._state: DownloadState | None = None
        self._followers = 0
        self._looking = False
        self._busy = False
        self._awaits_task = False
        """Something was begun that has not been seen at work yet: it may be over before it is looked at."""
        self._writer = SettingsWriter(session, self)
        self._writer.stored.connect(self.setting_changed)
        self._writer.failed.connect(self.failed)
        self._timer = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._on_application_state_changed)

    @property
    def state(self) -> DownloadState | None:
        """How far it was when last looked at."""
        return self._state

    @property
    def is_busy(self) -> bool:
        """Whether something that was asked for is on its way."""
        return self._busy

    def follow(self) -> None:
        """Look now, and again and again until `leave`."""
        self._followers += 1
        self.look()

    def leave(self) -> None:
        """No longer look for one who followed; a download that runs is looked at all the same."""
        self._followers = max(0, self._followers - 1)

    @Slot()
    def look(self) -> None:
        """Look how far it is."""
        self._timer.stop()
        if not self._looking:
            self._looking = True
            self._session.background.run(
                partial(_state, self._session), self._on_looked, self._on_look_failed
            )

    def start(self, choice: DownloadChoice) -> None:
        """Start a download. Where the quantisation that the settings name is not here, this one is now."""
        self._act(partial(_start, self._session, choice), self._on_started, begins=True)

    def pause(self) -> None:
        """Stop, and keep what has come."""
        self._act(lambda: downloads_of(self._session).pause())

    def resume(self) -> None:
        """Go on."""
        self._act(lambda: downloads_of(self._session).resume(), begins=True)

    def discard(self) -> None:
        """Stop, and delete what is half there."""
        self._act(lambda: downloads_of(self._session).discard(), self._on_files_changed)

    def verify(self, model_id: str, part_ids: Sequence[str]) -> None:
        """Read installed parts again; all of them where none is named."""
        self._act(lambda: downloads_of(self._session).verify(model_id, tuple(part_ids)), begins=True)

    def delete(self, deletion: Deletion) -> None:
        """Delete parts of a model."""
        self._act(lambda: downloads_of(self._session).delete(deletion), self._on_files_changed)

    def _act(
        self,
        work: Callable[[], object],
        done: Callable[[object], None] | None = None,
        *,
        begins: bool = False,
    ) -> None:
        if self._busy:
            return
        self._set_busy(True)
        # Before it begins: it may have been seen at its end before it is known here that it has begun.
        self._awaits_task = self._awaits_task or begins
        failed = partial(self._on_act_failed, begins=begins)
        self._session.background.run(work, partial(self._on_acted, done), failed)

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self.busy_changed.emit(busy)

    def _on_acted(self, done: Callable[[object], None] | None, result: object) -> None:
        self._set_busy(False)
        if done is not None:
            done(result)
        self.look()

    def _on_act_failed(self, error: QieError, *, begins: bool) -> None:
        self._awaits_task = self._awaits_task and not begins
        self._set_busy(False)
        self.failed.emit(error)
        self.look()

    def _on_started(self, quantisation: object) -> None:
        if quantisation:
            self._writer.put(_QUANTISATION, str(quantisation))

    def _on_files_changed(self, _result: object) -> None:
        self.files_changed.emit()

    def _on_looked(self, state: DownloadState | None) -> None:
        self._looking = False
        before, self._state = self._state, state
        if _essence(before) != _essence(state):
            self.changed.emit(state)
        is_new = state is not None and (before is None or state.updated != before.updated)
        was_at_work = (before is not None and before.is_running) or (self._awaits_task and is_new)
        if state is not None and (state.is_running or was_at_work):
            self._awaits_task = False
            if not state.is_running:
                self._tell_end(state)
        self._look_again(state)

    def _on_look_failed(self, error: QieError) -> None:
        self._looking = False
        self.failed.emit(error)

    def _tell_end(self, state: DownloadState) -> None:
        if state.phase in {TaskPhase.DONE, TaskPhase.FAILED}:
            self.files_changed.emit()
        self.ended.emit(state)

    def _look_again(self, state: DownloadState | None) -> None:
        if self._followers or self._awaits_task or (state is not None and state.is_running):
            self._timer.start()

    @Slot(Qt.ApplicationState)
    def _on_application_state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive:
            self.look()


def downloads_of(session: Session) -> Downloads:
    """Return the downloads of a session's data folder. Not on the GUI thread."""
    from qie_desktop.services.downloads import Downloads  # noqa: PLC0415 - not before the window is painted

    return Downloads(session.folder, session.settings)


def _state(session: Session) -> DownloadState | None:
    return downloads_of(session).state()


def _start(session: Session, choice: DownloadChoice) -> str:
    """Start it, and return the quantisation that is to be used from now on, where it is another one."""
    downloads = downloads_of(session)
    downloads.start(choice)
    wanted = str(session.settings.get(_QUANTISATION) or "")
    here = {state.part.id for state in downloads.parts(find_model(choice.model_id)) if state.is_installed}
    return choice.quantisation if wanted != choice.quantisation and wanted not in here else ""


def _essence(state: DownloadState | None) -> DownloadState | None:
    """Return a state without the time at which it was written."""
    return None if state is None else replace(state, updated=0.0)
