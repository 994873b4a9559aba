"""Help, Check for Updates: asks, compares, and offers to open the page. It never installs anything."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox

from qie_desktop import __version__
from qie_desktop.ui.question import ask, new_question

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.services.updates import Release
    from qie_desktop.ui.session import Session


class UpdateCheck(QObject):
    """One look at a time, off the GUI thread. Off, and out of the menu, where no address is known."""

    failed = Signal(object)
    """QieError: it could not be found out."""

    def __init__(self, window: QWidget, session: Session, address: str | None = None) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._given = address
        self._asking = False
        self._page = ""

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._address())

    @Slot()
    def check(self) -> None:
        """Ask, and show what comes of it."""
        from qie_desktop.services.updates import newest_release  # noqa: PLC0415 - not before it is wanted

        if self.is_on and not self._asking:
            self._asking = True
            work = partial(newest_release, self._address())
            self._session.background.run(work, self._on_found, self._on_failed)

    def _address(self) -> str:
        from qie_desktop.services.updates import RELEASES  # noqa: PLC0415

        return RELEASES if self._given is None else self._given

    def _on_found(self, release: Release | None) -> None:
        self._asking = False
        box = new_question(self._window, "update_check")
        if release is not None and release.is_newer_than(__version__):
            self._page = release.page
            box.setText(f"Version {release.version} is available.")
            box.setInformativeText(f"You have {__version__}. Nothing is installed by itself.")
            page = box.addButton("Open the Page", QMessageBox.ButtonRole.AcceptRole)
            page.setObjectName("open_release_page")
            page.clicked.connect(self._on_page_wanted)
            box.addButton("Not Now", QMessageBox.ButtonRole.RejectRole)
        else:
            box.setText("You have the newest version.")
            box.setInformativeText(f"It is {__version__}.")
            box.addButton(QMessageBox.StandardButton.Ok)
        box.finished.connect(box.deleteLater)
        ask(box)

    def _on_failed(self, error: object) -> None:
        self._asking = False
        self.failed.emit(error)

    @Slot()
    def _on_page_wanted(self) -> None:
        QDesktopServices.openUrl(QUrl(self._page))
