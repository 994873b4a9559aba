"""One control for each kind of setting, drawn from its `SettingSpec`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QSpinBox, QWidget

from qie_desktop.core.errors import SettingsError
from qie_desktop.storage.settings_schema import SettingKind
from qie_desktop.ui.sheets.wording import choice_text

if TYPE_CHECKING:
    from qie_desktop.core.parameters import Value
    from qie_desktop.storage.settings_schema import SettingSpec

_FIELD_WIDTH = 200
_NUMBER_WIDTH = 90


class _Editor(QWidget):
    """The control of one setting. It shows what it is told to and emits what the person made of it."""

    edited = Signal(str, object)
    """str, Value or None: the setting's key and what it is to be; None for the default."""
    refused = Signal(str, object)
    """str, SettingsError: the setting's key and why it cannot be that."""

    def __init__(self, spec: SettingSpec, control: QWidget) -> None:
        super().__init__()
        self.spec = spec
        self.control = control
        control.setObjectName(spec.key)
        control.setAccessibleName(spec.label)
        control.setAccessibleDescription(spec.help)
        control.setToolTip(spec.help)
        self.setFocusProxy(control)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(control)
        row.addStretch(1)


class ChoiceEditor(_Editor):
    """A pop-up menu of the setting's choices."""

    def __init__(self, spec: SettingSpec) -> None:
        self._box = QComboBox()
        super().__init__(spec, self._box)
        self._box.setMinimumWidth(_FIELD_WIDTH)
        for choice in spec.choices:
            self._box.addItem(choice_text(spec.key, choice), choice)
        self._box.activated.connect(self._on_activated)

    def show_value(self, value: Value | None) -> None:
        """Show a value without emitting anything."""
        self._box.setCurrentIndex(self._box.findData(value))

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        self.edited.emit(self.spec.key, self._box.itemData(index))


class BooleanEditor(_Editor):
    """A check box, which carries the setting's label itself."""

    def __init__(self, spec: SettingSpec) -> None:
        self._box = QCheckBox(spec.label)
        super().__init__(spec, self._box)
        self._box.clicked.connect(self._on_clicked)

    def show_value(self, value: Value | None) -> None:
        """Show a value without emitting anything."""
        self._box.setChecked(bool(value))

    @Slot(bool)
    def _on_clicked(self, checked: bool) -> None:
        self.edited.emit(self.spec.key, checked)


class IntegerEditor(_Editor):
    """A spin box within the setting's bounds."""

    def __init__(self, spec: SettingSpec) -> None:
        self._box = QSpinBox()
        super().__init__(spec, self._box)
        self._box.setFixedWidth(_NUMBER_WIDTH)
        self._box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._box.setKeyboardTracking(False)
        self._box.setRange(int(spec.minimum or 0), int(spec.maximum or 0))
        self._box.valueChanged.connect(self._on_value_changed)

    def show_value(self, value: Value | None) -> None:
        """Show a value without emitting anything."""
        self._box.blockSignals(True)
        self._box.setValue(int(value or 0))
        self._box.blockSignals(False)

    @Slot(int)
    def _on_value_changed(self, value: int) -> None:
        self.edited.emit(self.spec.key, value)


class TextEditor(_Editor):
    """A field for a text or a number; left empty it means the default."""

    def __init__(self, spec: SettingSpec, empty: str = "") -> None:
        self._field = QLineEdit()
        super().__init__(spec, self._field)
        number = spec.kind is SettingKind.NUMBER
        self._field.setFixedWidth(_NUMBER_WIDTH if number else _FIELD_WIDTH)
        self._field.setPlaceholderText(empty or ("None" if spec.default is None else f"{spec.default}"))
        self._field.setAlignment(Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft)
        self._shown = ""
        self._field.editingFinished.connect(self._on_editing_finished)

    def show_value(self, value: Value | None) -> None:
        """Show a value without emitting anything."""
        self._shown = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        self._field.setText(self._shown)

    @Slot()
    def _on_editing_finished(self) -> None:
        text = self._field.text().strip()
        if text == self._shown:
            return
        try:
            # People write amounts with the currency in front and, in many places, a comma.
            plain = text.lstrip("$").replace(",", ".") if self.spec.kind is SettingKind.NUMBER else text
            value = self.spec.parse(plain) if plain else None
        except SettingsError as error:
            self.refused.emit(self.spec.key, error)
            return
        self.show_value(value)
        self.edited.emit(self.spec.key, value)


SettingEditor = ChoiceEditor | BooleanEditor | IntegerEditor | TextEditor
"""The editor of any setting."""


def build_editor(spec: SettingSpec, empty: str = "") -> SettingEditor:
    """Return the control for a setting; `empty` is shown in a field where nothing is set."""
    match spec.kind:
        case SettingKind.CHOICE:
            return ChoiceEditor(spec)
        case SettingKind.BOOLEAN:
            return BooleanEditor(spec)
        case SettingKind.INTEGER:
            return IntegerEditor(spec)
        case SettingKind.NUMBER | SettingKind.TEXT | SettingKind.PATH:
            return TextEditor(spec, empty)
