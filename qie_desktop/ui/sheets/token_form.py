"""The field that takes a Replicate token. The token is stored off the GUI thread and never shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.sheet import muted_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.core.errors import QieError
    from qie_desktop.storage.secrets import TokenSource
    from qie_desktop.ui.session import Session

TOKEN_PAGE = "https://replicate.com/account/api-tokens"

_SOURCES = {
    "environment": "A token is set in the environment. It comes before one in the Keychain: change it there.",
    ".env": "A token is in the data folder's .env. It comes before one in the Keychain: change it there.",
    "keychain": "A token is in the Keychain.",
}
_NONE = "No token yet. The cloud models need one."


class TokenForm(QWidget):
    """Field, *Store*, *Remove* where there is something to remove, and *Check* where it can be done.

    `check` asks the provider about what was typed, or else about the token that is found, and returns a
    sentence about the account; it is called off the GUI thread and raises QieError. Without it there is no
    button for it.
    """

    stored = Signal()
    """A token was put into the Keychain."""
    removed = Signal()
    """The token was taken out of the Keychain."""

    def __init__(self, session: Session, check: Callable[[str], str] | None = None) -> None:
        super().__init__()
        self._session = session
        self._check = check
        self._source: TokenSource | None = None
        self._checked = False
        self._field = QLineEdit()
        self._field.setObjectName("token_field")
        self._field.setAccessibleName("Replicate token")
        self._field.setEchoMode(QLineEdit.EchoMode.Password)
        self._field.setPlaceholderText("r8_…")
        self._field.textChanged.connect(self._on_text_changed)
        self._field.returnPressed.connect(self.store)
        self.setFocusProxy(self._field)
        self._store = _button("Store", "store_token_button", self.store)
        self._remove = _button("Remove", "remove_token_button", self._on_remove_clicked)
        self._check_button = _button("Check", "check_token_button", self._on_check_clicked)
        self._check_button.setVisible(False)
        self._page = _button("Get a Token…", "token_page_button", self._on_page_clicked)
        self._status = muted_label("Looking for a token…")
        self._status.setObjectName("token_status")
        self._store.setEnabled(False)
        self._remove.hide()
        self._lay_out()
        self.refresh()

    def hide_store_button(self) -> None:
        """Leave storing to a button of the surface around this."""
        self._store.hide()

    @property
    def has_text(self) -> bool:
        """Whether something has been typed or pasted."""
        return bool(self._field.text().strip())

    @property
    def field(self) -> QLineEdit:
        """The field that takes the token."""
        return self._field

    @Slot()
    def store(self) -> None:
        """Put what was typed into the Keychain."""
        if not self.has_text:
            return
        token = self._field.text()
        self._store.setEnabled(False)
        self._say("Storing…")
        self._session.background.run(
            partial(self._session.token.store, token), self._on_stored, self._on_failed
        )

    def refresh(self) -> None:
        """Look again for a token and where it is."""
        self._checked = False
        self._session.background.run(self._session.token.source, self._on_source_found, self._on_failed)

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(Spacing.s)
        first.addWidget(self._field, 1)
        first.addWidget(self._store)
        second = QHBoxLayout()
        second.setSpacing(Spacing.s)
        second.addWidget(self._page)
        second.addWidget(self._check_button)
        second.addWidget(self._remove)
        second.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.s)
        column.addLayout(first)
        column.addWidget(self._status)
        column.addLayout(second)

    def _say(self, text: str, verdict: str = "muted") -> None:
        self._status.setText(text)
        classes.make_verdict(self._status, verdict)

    def _say_source(self) -> None:
        """Say where a token is, and offer what can be done with it, or with what is typed."""
        # What the provider says of it says more.
        if not self._checked:
            self._say(_SOURCES[self._source] if self._source else _NONE)
            self._check_button.setEnabled(True)
        self._remove.setVisible(self._source == "keychain")
        can_check = self._check is not None and (self._source is not None or self.has_text)
        self._check_button.setVisible(can_check)

    @Slot(str)
    def _on_text_changed(self, _text: str) -> None:
        self._store.setEnabled(self.has_text)
        # What was said was about another text.
        self._checked = False
        self._say_source()

    @Slot()
    def _on_page_clicked(self) -> None:
        QDesktopServices.openUrl(QUrl(TOKEN_PAGE))

    @Slot()
    def _on_check_clicked(self) -> None:
        if self._check is not None:
            self._checked = True
            self._check_button.setEnabled(False)
            self._say("Checking…")
            typed = self._field.text()
            self._session.background.run(
                partial(self._check, typed),
                partial(self._on_checked, typed),
                partial(self._on_not_checked, typed),
            )

    @Slot()
    def _on_remove_clicked(self) -> None:
        self._session.background.run(self._session.token.remove, self._on_removed, self._on_failed)

    def _on_stored(self, _done: None) -> None:
        self._field.clear()
        self.stored.emit()
        self.refresh()

    def _on_removed(self, _done: None) -> None:
        self.removed.emit()
        self.refresh()

    def _on_checked(self, typed: str, account: str) -> None:
        if shiboken6.isValid(self) and typed == self._field.text():
            self._check_button.setEnabled(True)
            self._say(account, "success")

    def _on_not_checked(self, typed: str, error: QieError) -> None:
        if shiboken6.isValid(self) and typed == self._field.text():
            self._on_failed(error)

    def _on_source_found(self, source: TokenSource | None) -> None:
        self._source = source
        self._say_source()

    def _on_failed(self, error: QieError) -> None:
        self._store.setEnabled(self.has_text)
        self._check_button.setEnabled(True)
        self._say(f"{error.message} {error.hint}".strip(), "danger")


def _button(text: str, name: str, clicked: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAutoDefault(False)
    button.clicked.connect(clicked)
    return button


def token_explanation() -> QLabel:
    """Return the sentence that says what a token is and where it goes."""
    return muted_label(
        "A token lets this app run the cloud models on your own Replicate account, which is billed by "
        "Replicate for each picture. It is kept in the Keychain and sent to Replicate alone.",
        small=False,
    )
