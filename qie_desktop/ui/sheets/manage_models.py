"""Manage Models: the parts of the local model, getting them, checking and deleting them, and own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from qie_desktop.core.errors import QieError
from qie_desktop.ui.controls.disclosure import Disclosure
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.macos.finder import show_in_finder
from qie_desktop.ui.sheets.delete_parts import PartDeletion
from qie_desktop.ui.sheets.download_card import DownloadCard
from qie_desktop.ui.sheets.download_choice import DownloadChooser
from qie_desktop.ui.sheets.download_help import open_help
from qie_desktop.ui.sheets.download_list import PartList
from qie_desktop.ui.sheets.download_rows import part_rows
from qie_desktop.ui.sheets.own_weights import OWN_WEIGHTS, OwnWeights
from qie_desktop.ui.sheets.settings_writer import SettingsWriter
from qie_desktop.ui.sheets.sheet import Sheet, muted_label
from qie_desktop.ui.sheets.weights_drop import WeightsDrop

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtCore import QPoint

    from qie_desktop.ui.download_watch import DownloadWatch
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.sheets.download_view import Offer

_WIDTH = 740
_LEAST_HEIGHT, _TITLE_BAR = 600, 28
"""In this everything has room; by this the sheet is higher than its content."""
_OWN = "Your own files"
_OWN_EXPLAINED = (
    "Files that you already have are checked, and used from where they are. You can drop them here."
)
_DROP_HERE = "Drop it to use it from where it is."


class ManageModelsDialog(Sheet):
    """Everything about the files of the local model. What it starts goes on when it is closed."""

    setting_changed = Signal(str, object)
    """str, Value or None: a setting's key and its new value; it is on disk."""

    def __init__(
        self, session: Session, watch: DownloadWatch, parent: QWidget | None = None, quantisation: str = ""
    ) -> None:
        super().__init__("manage_models", "Models", parent)
        self.setMinimumWidth(_WIDTH)
        self._session = session
        self._watch = watch
        self._writer = SettingsWriter(session, self)
        self._writer.stored.connect(self.setting_changed)
        self._writer.failed.connect(self._on_failed)
        self._chooser = DownloadChooser(session, watch, self, quantisation)
        self._deletion = PartDeletion(self, session, watch)
        self.parts = PartList()
        self.card = DownloadCard()
        self._own = OwnWeights(session, self._writer)
        self._lay_out()
        self._connect()
        self._chooser.begin()
        self.parts.setFocus()

    def prefer(self, quantisation: str) -> None:
        """Choose a quantisation for the download."""
        self._chooser.prefer(quantisation)

    def most_height(self) -> int:
        """Return no more than the window under it has: the parts scroll then."""
        most, parent = super().most_height(), self.parentWidget()
        return (
            most if parent is None else min(most, max(_LEAST_HEIGHT, parent.window().height() - _TITLE_BAR))
        )

    def show_setting(self, key: str) -> None:
        """Show a setting as it is now: it was changed elsewhere."""
        self._own.show_setting(key)

    def _lay_out(self) -> None:
        self.body.setSpacing(Spacing.m)
        self._name = QLabel()
        self._name.setObjectName("model_name")
        classes.make_title(self._name)
        self._summary = muted_label(small=False)
        self._summary.setWordWrap(False)
        head = QHBoxLayout()
        head.setSpacing(Spacing.m)
        head.addWidget(self._name)
        head.addWidget(self._summary, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(head)
        frame = QFrame()
        classes.make_card(frame)
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, Spacing.xs, 1, Spacing.xs)
        inside.addWidget(self.parts)
        self.body.addWidget(frame, 1)
        self.body.addWidget(self.card)
        self._toggle = Disclosure(_OWN)
        self._toggle.setObjectName("own_weights_toggle")
        self._own_box = QWidget()
        column = QVBoxLayout(self._own_box)
        column.setContentsMargins(0, 0, 0, 0)
        self._explained = muted_label(_OWN_EXPLAINED)
        column.addWidget(self._explained)
        column.addWidget(self._own)
        self.body.addWidget(self._toggle)
        self.body.addWidget(self._own_box)
        self._status = muted_label()
        self._status.setObjectName("models_status")
        self._status.hide()
        self.body.addWidget(self._status)
        uses_own = any(self._session.settings.get(each.key) for each in OWN_WEIGHTS)
        self._toggle.setChecked(uses_own)
        self._own_box.setVisible(uses_own)
        self._verify = self._action("Verify", "verify_button", "Read its files again and compare them")
        self._delete = self._action("Delete…", "delete_button", "Delete its files")
        self._reveal = self._action("Show in Finder", "reveal_button", "Show its files")
        self.add_button("Done", "close_models_button").clicked.connect(self.accept)

    def _action(self, text: str, name: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.setEnabled(False)
        self.buttons.addWidget(button)
        if name == "reveal_button":
            self.buttons.addStretch(1)
        return button

    def _connect(self) -> None:
        self._chooser.changed.connect(self._on_changed)
        self._chooser.failed.connect(self._on_failed)
        self._deletion.told.connect(self._say)
        self._deletion.failed.connect(self._on_failed)
        self.parts.chosen.connect(self._chooser.choose)
        self.parts.current_changed.connect(self._on_current_changed)
        self.parts.menu_requested.connect(self._on_menu_requested)
        self.card.asked.connect(self._on_asked)
        self._verify.clicked.connect(self._on_verify_clicked)
        self._delete.clicked.connect(self._on_delete_clicked)
        self._reveal.clicked.connect(self._on_reveal_clicked)
        self._toggle.toggled.connect(self._own_box.setVisible)
        drop = WeightsDrop(self, self._session.background)
        drop.lit.connect(self._on_lit)
        drop.recognised.connect(self._on_recognised)
        drop.refused.connect(self._on_failed)
        self.finished.connect(self._chooser.end)

    @Slot()
    def _on_changed(self) -> None:
        model, choice = self._chooser.model, self._chooser.choice
        if model is None or choice is None:
            return
        first = not self.parts.rows
        self._name.setText(model.spec.name)
        self._summary.setText(model.spec.summary)
        self.parts.show_rows(part_rows(model, choice, self._watch.state))
        if first:
            self.parts.make_current(choice.quantisation)
        self.card.show_view(self._chooser.view, busy=self._watch.is_busy)
        self._on_current_changed()

    @Slot()
    def _on_current_changed(self) -> None:
        row, state = self.parts.current, self._watch.state
        runs = self._watch.is_busy or (state is not None and state.is_running)
        self._verify.setEnabled(row is not None and row.is_installed and not runs)
        self._delete.setEnabled(row is not None and row.has_files and not runs)
        self._reveal.setEnabled(row is not None and bool(row.path))
        for button in (self._verify, self._delete, self._reveal):
            button.setAccessibleName(f"{button.text().rstrip('…')}: {row.title}" if row else button.text())

    @Slot(object)
    def _on_menu_requested(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("part_menu")
        for button in (self._verify, self._delete, self._reveal):
            action = menu.addAction(button.text())
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    @Slot(object)
    def _on_asked(self, offer: Offer) -> None:
        self._say("")
        if not self._chooser.do(offer):
            open_help(offer, self._session.folder.hub_cache, self._chooser.repo)

    @Slot()
    def _on_verify_clicked(self) -> None:
        row, model = self.parts.current, self._chooser.model
        if row is not None and model is not None:
            self._say("")
            self._watch.verify(model.spec.id, (row.part_id,))

    @Slot()
    def _on_delete_clicked(self) -> None:
        row, model = self.parts.current, self._chooser.model
        if row is not None and model is not None:
            self._say("")
            self._deletion.begin(model.spec.id, row.part_id, model.part(row.part_id).part.name)

    @Slot()
    def _on_reveal_clicked(self) -> None:
        model, row = self._chooser.model, self.parts.current
        path: Path | None = model.part(row.part_id).path if model is not None and row is not None else None
        if path is not None:
            show_in_finder(path)

    @Slot(bool)
    def _on_lit(self, lit: bool) -> None:
        self._say(_DROP_HERE if lit else "", "" if lit else "muted")

    @Slot(str, object)
    def _on_recognised(self, key: str, path: Path) -> None:
        self._toggle.setChecked(True)
        self._own.take(key, path)

    @Slot(str)
    def _say(self, text: str, verdict: str = "muted") -> None:
        self._status.setText(text)
        self._status.setVisible(bool(text))
        classes.make_verdict(self._status, verdict)

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        if isinstance(error, QieError):
            self._say(f"{error.message} {error.hint}".strip(), "danger")
