"""One page of the settings: a column of labels and controls, each with its help under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from qie_desktop.core.errors import QieError
from qie_desktop.storage.settings_schema import SettingKind
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.setting_editors import build_editor
from qie_desktop.ui.sheets.sheet import muted_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qie_desktop.storage.settings_schema import SettingSpec
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.sheets.setting_editors import SettingEditor
    from qie_desktop.ui.sheets.settings_writer import SettingsWriter

_LABEL_WIDTH = 150


class SettingsPage(QWidget):
    """Rows of settings, and of what a page has besides. Every change is put on disk at once."""

    def __init__(self, name: str, session: Session, writer: SettingsWriter) -> None:
        super().__init__()
        self.setObjectName(name)
        self.session = session
        self.writer = writer
        self._editors: dict[str, SettingEditor] = {}
        self._problems: dict[str, QLabel] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(Spacing.m)
        self._grid.setVerticalSpacing(Spacing.xs)
        self._grid.setColumnMinimumWidth(0, _LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(Spacing.xl, Spacing.l, Spacing.xl, Spacing.l)
        outer.addLayout(self._grid)
        outer.addStretch(1)

    def add_settings(self, specs: Iterable[SettingSpec]) -> None:
        """Add a row for each setting, with its help under it."""
        for spec in specs:
            # A check box says itself what it is for.
            label = "" if spec.kind is SettingKind.BOOLEAN else spec.label
            self.add_setting(spec, label, spec.help)

    def add_setting(self, spec: SettingSpec, label: str, below: str = "", empty: str = "") -> None:
        """Add a row for a setting, showing its value, or `empty` in a field where nothing is set."""
        editor = build_editor(spec, empty)
        editor.show_value(self.session.settings.get(spec.key))
        editor.edited.connect(self._on_edited)
        editor.refused.connect(self._on_refused)
        self._editors[spec.key] = editor
        self.add_row(label, editor, below)
        self._problems[spec.key] = self._add_problem()

    def show_setting(self, key: str) -> None:
        """Show a setting as it is now, where it is on this page."""
        if key in self._editors:
            self._editors[key].show_value(self.session.settings.get(key))

    def add_row(self, label: str, widget: QWidget, below: str = "") -> None:
        """Add a row of a label and a widget, with a muted sentence under it."""
        row = self._grid.rowCount()
        if label:
            words = QLabel(label)
            words.setBuddy(widget.focusProxy() or widget)
            top = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight
            words.setContentsMargins(0, Spacing.xs, 0, 0)
            self._grid.addWidget(words, row, 0, top)
        self._grid.addWidget(widget, row, 1)
        if below:
            self._grid.addWidget(muted_label(below), row + 1, 1)
        self._grid.setRowMinimumHeight(self._grid.rowCount(), Spacing.s)

    def add_title(self, text: str) -> None:
        """Add the title of a group of rows."""
        row = self._grid.rowCount()
        title = QLabel(text)
        title.setContentsMargins(0, Spacing.s, 0, 0)
        classes.make_title(title)
        self._grid.addWidget(title, row, 1)

    def _add_problem(self) -> QLabel:
        problem = muted_label()
        classes.make_verdict(problem, "danger")
        problem.hide()
        self._grid.addWidget(problem, self._grid.rowCount(), 1)
        return problem

    @Slot(str, object)
    def _on_edited(self, key: str, value: object) -> None:
        self._problems[key].hide()
        self.writer.put(key, value if isinstance(value, (str, int, float)) else None)

    @Slot(str, object)
    def _on_refused(self, key: str, error: object) -> None:
        if isinstance(error, QieError):
            self._problems[key].setText(error.message)
            self._problems[key].show()
