"""The surfaces beside the window: which one helps with what, and what is done about their answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from qie_desktop.core import cloud_errors, errors
from qie_desktop.engines.replicate.refusals import BILLING_PAGE
from qie_desktop.ui.download_watch import DownloadWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtWidgets import QDialog, QWidget

    from qie_desktop.core.job import Job
    from qie_desktop.core.model_parts import DownloadChoice
    from qie_desktop.ui.session import Session


@runtime_checkable
class _ShowsSettings(Protocol):
    """A dialog in which settings are seen."""

    def show_setting(self, key: str) -> None: ...


class Dialogs(QObject):
    """Opens each dialog once, without blocking; asked for again it comes to the front. GUI thread only.

    The dialogs' modules are imported when they are first wanted.
    """

    setting_changed = Signal(str, object)
    """str, Value or None: a setting's key and its new value; it is on disk."""
    means_changed = Signal()
    """A token or weights were added or removed: other models may be ready now."""
    cloud_wanted = Signal()
    """The person has begun with a token: it is stored."""
    local_wanted = Signal()
    """The person has begun with the local model; it may still have to be downloaded."""
    starter_wanted = Signal()
    """The person wants to try the built-in model."""
    images_wanted = Signal()
    """The person wants to choose other images."""
    prompt_wanted = Signal()
    """The person wants to word the prompt differently."""
    failed = Signal(object)
    """QieError: what a dialog needs could not be read."""

    def __init__(self, window: QWidget, session: Session) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._open: dict[str, QDialog] = {}
        self.downloads = DownloadWatch(session, self)
        self.downloads.setting_changed.connect(self._on_setting_changed)
        self.downloads.files_changed.connect(self.means_changed)
        self._helps: Final[dict[str, Callable[[], None]]] = {
            errors.CredentialsMissing.code: self.ask_token,
            cloud_errors.CredentialsRefused.code: self.replace_token,
            cloud_errors.PaymentRequired.code: partial(_open_page, BILLING_PAGE),
            cloud_errors.OutcomeUnknown.code: partial(_open_page, _PREDICTIONS_PAGE),
            cloud_errors.SpendingCapReached.code: partial(self.show_settings, "cloud_page"),
            cloud_errors.ContentRefused.code: self.prompt_wanted.emit,
            errors.OutOfMemory.code: partial(self.show_settings, "local_page"),
            errors.DiskFull.code: partial(self.show_settings, "general_page"),
            errors.SettingsError.code: self.show_settings,
            **dict.fromkeys(_ABOUT_IMAGES, self.images_wanted.emit),
        }

    def help_with(self, code: str, quantisation: str = "") -> None:
        """Open what helps with an error of this code; where that are models, with the one that is wanted."""
        if code in _ABOUT_MODELS:
            self.show_models(quantisation)
        else:
            self._helps.get(code, self.show_settings)()

    def show_settings(self, page: str = "") -> None:
        """Open the settings, at a page if one is named."""
        from qie_desktop.ui.sheets.settings_dialog import SettingsDialog  # noqa: PLC0415

        dialog = self._shown("settings")
        if dialog is None:
            dialog = SettingsDialog(self._session, self._window, self._check_token)
            dialog.setting_changed.connect(self._on_setting_changed)
            dialog.token_changed.connect(self.means_changed)
            dialog.manage_models_requested.connect(self.show_models)
            self._show("settings", dialog)
        if page and isinstance(dialog, SettingsDialog):
            dialog.show_page(page)

    @Slot()
    def show_models(self, quantisation: str = "") -> None:
        """Open the models of this machine, with a quantisation chosen if one is named."""
        from qie_desktop.ui.sheets.manage_models import ManageModelsDialog  # noqa: PLC0415

        dialog = self._shown("models")
        if dialog is None:
            dialog = ManageModelsDialog(self._session, self.downloads, self._window, quantisation)
            dialog.setting_changed.connect(self._on_setting_changed)
            self._show("models", dialog)
        elif quantisation and isinstance(dialog, ManageModelsDialog):
            dialog.prefer(quantisation)

    @Slot()
    def ask_token(self) -> None:
        """Ask for a Replicate token."""
        self._ask_token()

    def replace_token(self) -> None:
        """Ask for another Replicate token than the one that is refused."""
        self._ask_token(replacing=True)

    def show_diagnostics(self) -> None:
        """Open what `qie doctor` prints."""
        from qie_desktop.ui.sheets.diagnostics import DiagnosticsDialog  # noqa: PLC0415

        if self._shown("diagnostics") is None:
            self._show("diagnostics", DiagnosticsDialog(self._session, self._window))

    def show_about(self) -> None:
        """Open what this program is."""
        from qie_desktop.ui.sheets.about import AboutBox  # noqa: PLC0415

        if self._shown("about") is None:
            about = AboutBox(self._window)
            about.licences_wanted.connect(self.show_licences)
            self._show("about", about)

    @Slot()
    def show_licences(self) -> None:
        """Open whose work this program stands on."""
        from qie_desktop.ui.sheets.licences import LicencesSheet  # noqa: PLC0415

        if self._shown("licences") is None:
            self._show("licences", LicencesSheet(self._session, self._window))

    def show_crash_report(self, path: Path) -> None:
        """Open what the last start has left when it crashed."""
        from qie_desktop.ui.sheets.crash_report import CrashReportSheet  # noqa: PLC0415

        if self._shown("crash_report") is None:
            self._show("crash_report", CrashReportSheet(self._session, path, self._window))

    def welcome(self) -> None:
        """Open the first run's three ways to begin."""
        from qie_desktop.ui.sheets.first_run import FirstRunSheet  # noqa: PLC0415

        if self._shown("first_run") is None:
            sheet = FirstRunSheet(self._session, self._window)
            sheet.starter_chosen.connect(self.starter_wanted)
            sheet.local_chosen.connect(self._on_local_chosen)
            sheet.token_chosen.connect(self._on_token_chosen)
            self._show("first_run", sheet)

    def show_info(self, job_id: str) -> None:
        """Open everything that is known of a job."""
        work = partial(self._session.store.load, job_id)
        self._session.background.run(work, self._on_job_loaded, self.failed.emit)

    @Slot(object)
    def _on_local_chosen(self, choice: DownloadChoice | None) -> None:
        self.local_wanted.emit()
        self.show_models()
        if choice is not None:
            self.downloads.start(choice)

    @Slot()
    def _on_token_chosen(self) -> None:
        self._ask_token(begins=True)

    def _ask_token(self, *, replacing: bool = False, begins: bool = False) -> None:
        from qie_desktop.ui.sheets.token_sheet import TokenSheet  # noqa: PLC0415

        if self._shown("token") is None:
            dialog = TokenSheet(self._session, self._window, self._check_token, replacing=replacing)
            dialog.stored.connect(self.means_changed)
            if begins:
                dialog.stored.connect(self.cloud_wanted)
            self._show("token", dialog)

    def _check_token(self, typed: str) -> str:
        """Return whose account a token is of. Not on the GUI thread."""
        from qie_desktop.services.account import account_sentence  # noqa: PLC0415

        return account_sentence(self._session.token, typed)

    def _on_job_loaded(self, job: Job) -> None:
        from qie_desktop.ui.sheets.get_info import GetInfo  # noqa: PLC0415

        key = f"info {job.job_id}"
        if self._shown(key) is None:
            self._show(key, GetInfo(self._session, job, self._window))

    def _shown(self, key: str) -> QDialog | None:
        """Bring a dialog to the front if it is open."""
        dialog = self._open.get(key)
        if dialog is not None:
            dialog.raise_()
            dialog.activateWindow()
        return dialog

    def _show(self, key: str, dialog: QDialog) -> None:
        self._open[key] = dialog
        dialog.finished.connect(self._on_finished)
        dialog.open() if dialog.isModal() else dialog.show()

    @Slot(str, object)
    def _on_setting_changed(self, key: str, value: object) -> None:
        """Have what else is open show it, too."""
        for dialog in self._open.values():
            if dialog is not self.sender() and isinstance(dialog, _ShowsSettings):
                dialog.show_setting(key)
        self.setting_changed.emit(key, value)

    @Slot()
    def _on_finished(self) -> None:
        dialog = self.sender()
        self._open = {key: shown for key, shown in self._open.items() if shown is not dialog}


def _open_page(address: str) -> None:
    QDesktopServices.openUrl(QUrl(address))


_PREDICTIONS_PAGE = "https://replicate.com/predictions"

_ABOUT_MODELS = (
    errors.ModelNotInstalled.code,
    errors.NotReady.code,
    errors.CheckpointError.code,
    errors.CheckpointIncomplete.code,
    errors.CheckpointDamaged.code,
    errors.CheckpointMismatch.code,
)
_ABOUT_IMAGES = (
    errors.InputImageError.code,
    errors.ImageMissing.code,
    errors.ImageEmpty.code,
    errors.ImageNotRecognised.code,
    errors.ImageDamaged.code,
    errors.ImageTooLarge.code,
    errors.ImageSizeOutOfRange.code,
)
