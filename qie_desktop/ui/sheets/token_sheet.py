"""The sheet that takes a Replicate token when a cloud model needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from qie_desktop.ui.sheets.sheet import Sheet, muted_label
from qie_desktop.ui.sheets.token_form import TokenForm, token_explanation

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from qie_desktop.ui.session import Session

_WIDTH = 480
_REFUSED = (
    "Replicate does not accept the token that is used now. Make a new one there, and put it in its place."
)


class TokenSheet(Sheet):
    """Asks for the token once, or, `replacing`, for another one; closes when it is stored."""

    stored = Signal()
    """The token is in the Keychain."""

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        check: Callable[[str], str] | None = None,
        *,
        replacing: bool = False,
    ) -> None:
        super().__init__("token_sheet", "Replicate Token", parent, modal=True)
        self.setMinimumWidth(_WIDTH)
        self.add_headline("Replace your Replicate token" if replacing else "Add your Replicate token")
        self.body.addWidget(muted_label(_REFUSED, small=False) if replacing else token_explanation())
        self._form = TokenForm(session, check)
        self._form.hide_store_button()
        self.body.addWidget(self._form)
        self.body.addStretch(1)
        cancel = self.add_button("Cancel", "cancel_token_button")
        self._store = self.add_button("Store in Keychain", "accept_token_button", primary=True)
        self._store.setEnabled(False)
        cancel.clicked.connect(self.reject)
        self._store.clicked.connect(self._form.store)
        self._form.field.textChanged.connect(self._on_text_changed)
        self._form.stored.connect(self._on_stored)
        self._form.setFocus()

    @Slot(str)
    def _on_text_changed(self, _text: str) -> None:
        self._store.setEnabled(self._form.has_text)

    @Slot()
    def _on_stored(self) -> None:
        self.stored.emit()
        self.accept()
