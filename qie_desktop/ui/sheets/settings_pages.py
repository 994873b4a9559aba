"""The pages of the settings: what stands on each besides the settings themselves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.services.spending import Budget, month_budget, on_the_way_usd
from qie_desktop.storage.settings_schema import SETTINGS, SettingSpec, find_setting
from qie_desktop.ui.controls.answers import LatestAnswer
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.own_weights import OWN_WEIGHTS, OwnWeights
from qie_desktop.ui.sheets.settings_page import SettingsPage
from qie_desktop.ui.sheets.sheet import muted_label
from qie_desktop.ui.sheets.token_form import TokenForm
from qie_desktop.ui.sheets.wording import usd_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.sheets.settings_writer import SettingsWriter

_PRICES = "cloud.prices."
_ELSEWHERE = {"general.last_model", *(weights.key for weights in OWN_WEIGHTS)}
"""Settings that are shown in other ways, or are the program's own."""


def page_settings(section: str) -> tuple[SettingSpec, ...]:
    """Return the settings that are drawn on a page: those of a section of the file."""
    return tuple(
        spec for spec in SETTINGS if spec.key.startswith(f"{section}.") and spec.key not in _ELSEWHERE
    )


class GeneralPage(SettingsPage):
    """How the app behaves, and where its data are."""

    def __init__(self, session: Session, writer: SettingsWriter) -> None:
        super().__init__("general_page", session, writer)
        self.add_settings(page_settings("general"))
        self.add_row("Data folder", _FolderRow(session.folder.home), str(session.folder.home))


class CloudPage(SettingsPage):
    """The token, what was spent, and prices."""

    token_changed = Signal()
    """A token was stored or removed."""

    def __init__(
        self, session: Session, writer: SettingsWriter, check: Callable[[str], str] | None = None
    ) -> None:
        super().__init__("cloud_page", session, writer)
        self.token_form = TokenForm(session, check)
        self.token_form.stored.connect(self.token_changed)
        self.token_form.removed.connect(self.token_changed)
        self.add_row("Replicate token", self.token_form)
        specs = page_settings("cloud")
        self.add_settings(spec for spec in specs if not spec.key.startswith(_PRICES))
        self._spending = muted_label("…", small=False)
        self._spending.setContentsMargins(0, Spacing.xs, 0, 0)
        self._spending.setObjectName("month_spending")
        self.add_row("This month", self._spending)
        self.add_title("Prices")
        prices = "USD for each picture, where they differ from the list prices shown."
        self.add_row("", muted_label(prices))
        for model in CATALOGUE:
            if model.price is not None:
                listed = f"{model.price.usd_per_output:g}"
                self.add_setting(find_setting(f"{_PRICES}{model.id}"), model.name, empty=listed)
        self._month = LatestAnswer(session.background, self)
        writer.stored.connect(self.refresh_spending)
        session.jobs.submitted.connect(self.refresh_spending)
        session.jobs.ended.connect(self.refresh_spending)
        self.refresh_spending()

    @Slot()
    def refresh_spending(self) -> None:
        """Add up the month again."""
        work = partial(_month, self.session)
        self._month.ask(work, self._on_month_known, self._on_month_failed)

    def _on_month_known(self, month: tuple[Budget, float]) -> None:
        budget, coming = month
        cap = f" of {usd_text(budget.cap_usd)}" if budget.cap_usd is not None else ""
        more = f", about {usd_text(coming)} on the way" if coming else ""
        self._spending.setText(f"About {usd_text(budget.spent_usd)}{cap} spent{more}.")

    def _on_month_failed(self, error: QieError) -> None:
        self._spending.setText(error.message)


class LocalPage(SettingsPage):
    """How the local model is run, and own weights."""

    manage_models_requested = Signal()
    """The person wants to see the models."""

    def __init__(self, session: Session, writer: SettingsWriter) -> None:
        super().__init__("local_page", session, writer)
        self.add_settings(page_settings("local"))
        self.add_row(
            "Model cache", _FolderRow(session.folder.huggingface_cache), str(session.folder.huggingface_cache)
        )
        self._own = OwnWeights(session, writer)
        self.add_row("Own weights", self._own)
        manage = QPushButton("Manage Models…")
        manage.setObjectName("manage_models_button")
        manage.setAutoDefault(False)
        manage.clicked.connect(self.manage_models_requested)
        self.add_row("", _left(manage))

    def show_setting(self, key: str) -> None:
        """Show a setting as it is now, own weights too."""
        super().show_setting(key)
        self._own.show_setting(key)


class _FolderRow(QWidget):
    """A button that opens a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        button = QPushButton("Open")
        button.setObjectName(f"open_{path.name}")
        button.setAccessibleName(f"Open {path}")
        button.setAutoDefault(False)
        button.clicked.connect(self._on_clicked)
        self.setFocusProxy(button)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(button)
        row.addStretch(1)

    @Slot()
    def _on_clicked(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path)))


def _month(session: Session) -> tuple[Budget, float]:
    """Return what was spent this month, and what is on the way. Not on the GUI thread."""
    return month_budget(session.folder, session.settings), on_the_way_usd(session.store)


def _left(widget: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, Spacing.s, 0, 0)
    row.addWidget(widget)
    row.addStretch(1)
    return holder
