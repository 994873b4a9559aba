"""What is told outside the window: a notification and a bounce when a job ends, and the badge in the Dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import TaskKind, TaskPhase
from qie_desktop.core.job import Job, JobState

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.download import DownloadState
    from qie_desktop.ui.session import Session

_SHOWN_MS = 10_000
_PROMPT_CHARS = 80
_TITLES = {
    JobState.SUCCEEDED: "Your picture is ready",
    JobState.FAILED: "A picture could not be made",
}
_DOWNLOADS = {
    (TaskKind.DOWNLOAD, TaskPhase.DONE): "The download is complete",
    (TaskKind.DOWNLOAD, TaskPhase.FAILED): "The download has stopped",
    (TaskKind.VERIFY, TaskPhase.FAILED): "A file needs attention",
}


class Notices(QObject):
    """Tells of ended jobs and downloads while another program is in front, if the settings allow.

    The jobs that run are counted in the Dock.
    """

    told = Signal(str, str)
    """Title and text of a notification that was sent."""
    opened = Signal(str)
    """Job id: the person clicked on its notification."""
    models_wanted = Signal()
    """The person clicked on the notification about a download."""

    def __init__(self, window: QWidget, session: Session) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._tray: QSystemTrayIcon | None = None
        self._job_id = ""
        self._hide = QTimer(self, singleShot=True, interval=_SHOWN_MS)
        self._hide.timeout.connect(self._on_shown_long_enough)
        session.jobs.submitted.connect(self._on_submitted)
        session.jobs.ended.connect(self._on_ended)

    @Slot(object)
    def tell_download(self, state: DownloadState) -> None:
        """Tell that a download is done, or has stopped by itself, if the settings allow."""
        title = _DOWNLOADS.get((state.task, state.phase))
        if title is None or self._is_in_front() or not self._session.settings.get("general.notifications"):
            return
        QApplication.alert(self._window)
        text = (
            state.error.message
            if state.error
            else f"{find_model(state.choice.model_id).name} is ready to use."
        )
        self._send(title, text, "")

    def withdraw(self) -> None:
        """Take back the notification and the badge."""
        self._hide.stop()
        if self._tray is not None:
            self._tray.hide()
        _set_badge(0)

    @Slot(object)
    def _on_submitted(self, _job: Job) -> None:
        self._count()

    @Slot(object)
    def _on_ended(self, job: Job) -> None:
        self._count()
        title = _TITLES.get(job.state)
        if title is None or self._is_in_front() or not self._session.settings.get("general.notifications"):
            return
        QApplication.alert(self._window)
        self._send(title, _shortened(job.request.prompt), job.job_id)

    @Slot()
    def _on_shown_long_enough(self) -> None:
        if self._tray is not None:
            self._tray.hide()

    @Slot()
    def _on_clicked(self) -> None:
        if self._job_id:
            self.opened.emit(self._job_id)
        else:
            self.models_wanted.emit()

    def _count(self) -> None:
        _set_badge(len(self._session.jobs.active()))

    def _is_in_front(self) -> bool:
        return QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive

    def _send(self, title: str, text: str, job_id: str) -> None:
        self._job_id = job_id
        if QSystemTrayIcon.isSystemTrayAvailable():
            if self._tray is None:
                self._tray = QSystemTrayIcon(self._window.windowIcon(), self)
                self._tray.messageClicked.connect(self._on_clicked)
            # There only as long as its message: the Dock is where this app lives.
            self._tray.show()
            self._tray.showMessage(title, text, self._window.windowIcon(), _SHOWN_MS)
            self._hide.start()
        self.told.emit(title, text)


def _set_badge(number: int) -> None:
    application = QGuiApplication.instance()
    if isinstance(application, QGuiApplication):
        application.setBadgeNumber(number)


def _shortened(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _PROMPT_CHARS else line[: _PROMPT_CHARS - 1] + "…"
