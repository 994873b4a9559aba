"""Licences: whose work the program stands on, read from the packages that it is made of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPlainTextEdit

from qie_desktop.services.licences import Licence, licence_text, licences
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.sheet import Sheet

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.session import Session

_SIZE = (920, 560)
_LIST_WIDTH = 220


class LicencesSheet(Sheet):
    """A list of packages, and the licence of the chosen one. Read off the GUI thread."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("licences", "Licences", parent)
        self.resize(*_SIZE)
        self._session = session
        self.packages = QListWidget()
        self.packages.setObjectName("licence_packages")
        self.packages.setAccessibleName("Packages")
        self.packages.setFixedWidth(_LIST_WIDTH)
        self.text = QPlainTextEdit()
        self.text.setObjectName("licence_text")
        self.text.setAccessibleName("Licence")
        self.text.setReadOnly(True)
        row = QHBoxLayout()
        row.setSpacing(Spacing.m)
        row.addWidget(self.packages)
        row.addWidget(self.text, 1)
        self.body.addLayout(row, 1)
        self.add_button("Done", "close_licences_button", primary=True).clicked.connect(self.accept)
        self.packages.currentItemChanged.connect(self._on_chosen)
        session.background.run(licences, self._on_found, self._on_failed)

    def _on_found(self, found: tuple[Licence, ...]) -> None:
        for licence in found:
            item = QListWidgetItem(f"{licence.name} {licence.version}")
            item.setToolTip(licence.terms)
            item.setData(Qt.ItemDataRole.UserRole, licence.name)
            self.packages.addItem(item)
        self.packages.setCurrentRow(0)

    @Slot(QListWidgetItem, QListWidgetItem)
    def _on_chosen(self, chosen: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if chosen is not None:
            name = str(chosen.data(Qt.ItemDataRole.UserRole))
            self._session.background.run(
                partial(licence_text, name), partial(self._on_read, name), self._on_failed
            )

    def _on_read(self, name: str, text: str) -> None:
        # Another may have been chosen meanwhile.
        if self.packages.currentItem().data(Qt.ItemDataRole.UserRole) == name:
            self.text.setPlainText(text)

    def _on_failed(self, error: QieError) -> None:
        self.text.setPlainText(error.message)
