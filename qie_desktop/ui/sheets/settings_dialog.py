"""The settings: pages behind a row of icons, as Mac apps have them. Nothing waits for an OK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from qie_desktop.core.errors import QieError
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.icons import icon
from qie_desktop.ui.look.steady_scroll import SteadyScrollArea
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.settings_pages import CloudPage, GeneralPage, LocalPage
from qie_desktop.ui.sheets.settings_writer import SettingsWriter
from qie_desktop.ui.sheets.sheet import muted_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QShowEvent

    from qie_desktop.ui.session import Session
    from qie_desktop.ui.sheets.settings_page import SettingsPage

_SIZE = QSize(640, 560)
_MOST, _BESIDE = 680, 60
"""How high it may be, and what is to be left of the screen for its title bar and what is around it."""
_ICON = QSize(24, 24)


class SettingsDialog(QDialog):
    """General, Cloud and Local model. `check_token` is what *Check* calls; see `TokenForm`."""

    setting_changed = Signal(str, object)
    """str, Value or None: a setting's key and its new value; it is on disk."""
    token_changed = Signal()
    """A token was stored or removed."""
    manage_models_requested = Signal()
    """The person wants to see the models."""

    def __init__(
        self,
        session: Session,
        parent: QWidget | None = None,
        check_token: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settings")
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(_SIZE)
        self.writer = SettingsWriter(session, self)
        self.writer.stored.connect(self.setting_changed)
        self.writer.stored.connect(self._on_stored)
        self.writer.failed.connect(self._on_failed)
        general = GeneralPage(session, self.writer)
        cloud = CloudPage(session, self.writer, check_token)
        cloud.token_changed.connect(self.token_changed)
        local = LocalPage(session, self.writer)
        local.manage_models_requested.connect(self.manage_models_requested)
        self._pages: list[SettingsPage] = []
        self._stack = QStackedWidget()
        self._tabs = QButtonGroup(self)
        self._tabs.idClicked.connect(self._stack.setCurrentIndex)
        self._stack.currentChanged.connect(self._fit_page)
        self._problem = muted_label()
        self._problem.setObjectName("settings_problem")
        self._problem.setContentsMargins(Spacing.xl, 0, Spacing.xl, Spacing.m)
        classes.make_verdict(self._problem, "danger")
        self._problem.hide()
        self._lay_out(
            (("General", "settings", general), ("Cloud", "cloud", cloud), ("Local Model", "local", local))
        )

    def show_page(self, name: str) -> None:
        """Show `general_page`, `cloud_page` or `local_page`."""
        for index, page in enumerate(self._pages):
            if page.objectName() == name:
                tab = self._tabs.button(index)
                tab.setChecked(True)
                self._stack.setCurrentIndex(index)

    def show_setting(self, key: str) -> None:
        """Show a setting as it is now: it was changed elsewhere."""
        for page in self._pages:
            page.show_setting(key)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Begin with nothing in hand: Tab goes to the pages, and on from there."""
        super().showEvent(event)
        self.setFocus()
        self._fit_page()

    @Slot()
    def _fit_page(self) -> None:
        """Be as high as the page needs, as far as the screen goes; beyond that it scrolls."""
        area = self._stack.currentWidget()
        page = area.widget() if isinstance(area, QScrollArea) else None
        if not isinstance(area, QScrollArea) or page is None:
            return
        # The same with the scroll bar and without: it stands in the page's margin.
        needed = self.height() - self._stack.height() + page.heightForWidth(area.viewport().width())
        most = min(_MOST, self.screen().availableGeometry().height() - _BESIDE)
        self.resize(self.width(), min(needed, most))

    def _lay_out(self, pages: tuple[tuple[str, str, SettingsPage], ...]) -> None:
        tabs = QHBoxLayout()
        tabs.setContentsMargins(Spacing.m, Spacing.s, Spacing.m, Spacing.s)
        tabs.setSpacing(Spacing.xs)
        tabs.addStretch(1)
        for index, (title, icon_name, page) in enumerate(pages):
            tab = QToolButton()
            tab.setObjectName(f"{page.objectName()}_tab")
            tab.setText(title)
            tab.setIcon(icon(icon_name, tab))
            tab.setIconSize(_ICON)
            tab.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            tab.setMinimumWidth(_ICON.width() * 4)
            tab.setCheckable(True)
            tab.setChecked(index == 0)
            tab.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            classes.make_quiet(tab)
            self._tabs.addButton(tab, index)
            tabs.addWidget(tab)
            self._stack.addWidget(SteadyScrollArea(page))
            self._pages.append(page)
        tabs.addStretch(1)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Plain)
        line.setProperty("class", "line")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(tabs)
        column.addWidget(line)
        column.addWidget(self._stack, 1)
        column.addWidget(self._problem)

    @Slot(str, object)
    def _on_stored(self, _key: str, _value: object) -> None:
        self._problem.hide()

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        if isinstance(error, QieError):
            self._problem.setText(f"{error.message} {error.hint}".strip())
            self._problem.show()
