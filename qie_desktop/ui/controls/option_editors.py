"""One editor for each kind of parameter. An editor shows a value and says what the person made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QWidget,
)

from qie_desktop.core.parameters import MAX_SEED, ParameterKind
from qie_desktop.ui.controls.lora_list import LoraList
from qie_desktop.ui.controls.seed_editor import SeedEditor
from qie_desktop.ui.controls.segments import Segments
from qie_desktop.ui.controls.steady_boxes import SteadyComboBox, SteadyDoubleSpinBox, SteadySpinBox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qie_desktop.core.parameters import Choice, ParameterSpec, Value
    from qie_desktop.ui.session import Session

_MOST_SEGMENTS = 4
_SEGMENT_CHARS = 18
_NUMBER_STEP = 0.5
_SPIN_PX = 84
_TOOLTIP_ROLE = Qt.ItemDataRole.ToolTipRole


class _Editor(QObject):
    """A parameter and the widget that shows it. What is set here is not told as changed."""

    changed = Signal(str, object)
    """str, Value | None: the parameter's name and its new value, None for the default."""

    def __init__(self, spec: ParameterSpec, widget: QWidget) -> None:
        super().__init__(widget)
        self.spec = spec
        self.widget = widget
        widget.setObjectName(f"option_{spec.name}")
        widget.setAccessibleName(spec.label)
        widget.setAccessibleDescription(spec.help)
        widget.setToolTip(spec.help)

    @property
    def target(self) -> QWidget:
        """What takes the focus for the label."""
        return self.widget

    def _tell(self, value: Value | None) -> None:
        self.changed.emit(self.spec.name, value)


class WholeNumberEditor(_Editor):
    """A number to type or to step."""

    def __init__(self, spec: ParameterSpec) -> None:
        self._box = SteadySpinBox()
        super().__init__(spec, self._box)
        self._box.setRange(
            int(spec.minimum or 0), int(spec.maximum if spec.maximum is not None else MAX_SEED)
        )
        _prepare(self._box)
        self._box.valueChanged.connect(self._on_value_changed)

    def show_value(self, value: Value | None) -> None:
        """Show a number."""
        if isinstance(value, (int, float)) and int(value) != self._box.value():
            self._box.blockSignals(True)
            self._box.setValue(int(value))
            self._box.blockSignals(False)

    @Slot(int)
    def _on_value_changed(self, value: int) -> None:
        self._tell(value)


class NumberEditor(_Editor):
    """A number with one place after the point."""

    def __init__(self, spec: ParameterSpec) -> None:
        self._box = SteadyDoubleSpinBox()
        super().__init__(spec, self._box)
        self._box.setDecimals(1)
        self._box.setSingleStep(_NUMBER_STEP)
        self._box.setRange(spec.minimum or 0, spec.maximum if spec.maximum is not None else float(MAX_SEED))
        _prepare(self._box)
        self._box.valueChanged.connect(self._on_value_changed)

    def show_value(self, value: Value | None) -> None:
        """Show a number."""
        if isinstance(value, (int, float)) and value != self._box.value():
            self._box.blockSignals(True)
            self._box.setValue(value)
            self._box.blockSignals(False)

    @Slot(float)
    def _on_value_changed(self, value: float) -> None:
        self._tell(value)


class SwitchEditor(_Editor):
    """A check box with the parameter's label."""

    def __init__(self, spec: ParameterSpec) -> None:
        self._box = QCheckBox(spec.label)
        super().__init__(spec, self._box)
        self._box.clicked.connect(self._on_clicked)

    def show_value(self, value: Value | None) -> None:
        """Check the box, or not."""
        self._box.setChecked(bool(value))

    @Slot(bool)
    def _on_clicked(self, checked: bool) -> None:
        self._tell(checked)


class TextEditor(_Editor):
    """A line of text; an empty one means the default."""

    def __init__(self, spec: ParameterSpec) -> None:
        self._line = QLineEdit()
        super().__init__(spec, self._line)
        self._line.setPlaceholderText("Nothing in particular")
        self._line.textEdited.connect(self._on_text_edited)

    def show_value(self, value: Value | None) -> None:
        """Show a text; what is being typed is left alone."""
        text = "" if value is None or value == self.spec.default else str(value)
        if text != self._line.text() and (text or self._line.text().strip()):
            self._line.setText(text)

    @Slot(str)
    def _on_text_edited(self, text: str) -> None:
        self._tell(text if text.strip() else None)


class ListEditor(_Editor):
    """Choices in a pop-up list; `notes` stand behind them."""

    def __init__(self, spec: ParameterSpec, choices: tuple[Choice, ...], notes: Mapping[str, str]) -> None:
        self._box = SteadyComboBox()
        super().__init__(spec, self._box)
        for choice in choices:
            note = notes.get(choice.value)
            self._box.addItem(f"{choice.label} · {note}" if note else choice.label, choice.value)
            self._box.setItemData(self._box.count() - 1, choice.help or None, _TOOLTIP_ROLE)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._box.setMinimumContentsLength(6)
        self._box.activated.connect(self._on_activated)

    def show_value(self, value: Value | None) -> None:
        """Show a choice."""
        self._box.setCurrentIndex(self._box.findData(value))

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        value: object = self._box.itemData(index)
        self._tell(str(value))


class SegmentsEditor(_Editor):
    """A few short choices side by side."""

    def __init__(self, spec: ParameterSpec, choices: tuple[Choice, ...]) -> None:
        self._segments = Segments(choices)
        super().__init__(spec, self._segments)
        self._segments.describe(spec.label, spec.help)
        self._segments.chosen.connect(self._on_chosen)

    def show_value(self, value: Value | None) -> None:
        """Show a choice."""
        self._segments.set_value(str(value))

    @Slot(str)
    def _on_chosen(self, value: str) -> None:
        self._tell(value)


class SeedOptionEditor(_Editor):
    """A seed with dice and lock."""

    def __init__(self, spec: ParameterSpec) -> None:
        self.seed = SeedEditor(spec)
        super().__init__(spec, self.seed)
        self.seed.seed_set.connect(self._on_seed_set)

    @property
    def target(self) -> QWidget:
        """The number, rather than dice and lock."""
        return self.seed.line

    def show_value(self, value: Value | None) -> None:
        """Show a seed, or that it is left to chance."""
        self.seed.show_seed(int(value) if isinstance(value, (int, float)) else None)

    @Slot(object)
    def _on_seed_set(self, seed: int | None) -> None:
        self._tell(seed)


class LorasEditor(_Editor):
    """The person's LoRA files, each with its strength."""

    def __init__(self, spec: ParameterSpec, session: Session) -> None:
        self._list = LoraList(spec, session)
        super().__init__(spec, self._list)
        self._list.loras_set.connect(self._on_loras_set)

    @property
    def target(self) -> QWidget:
        """The button to add one: there may be none yet."""
        return self._list.add

    def show_value(self, value: Value | None) -> None:
        """Show which act."""
        self._list.show_loras(None if value is None else str(value))

    @Slot(object)
    def _on_loras_set(self, value: str | None) -> None:
        self._tell(value)


OptionEditor = (
    WholeNumberEditor
    | NumberEditor
    | SwitchEditor
    | TextEditor
    | ListEditor
    | SegmentsEditor
    | SeedOptionEditor
    | LorasEditor
)
"""The editor of any parameter."""

_PLAIN_EDITORS: Mapping[ParameterKind, Callable[[ParameterSpec], OptionEditor]] = {
    ParameterKind.INTEGER: WholeNumberEditor,
    ParameterKind.NUMBER: NumberEditor,
    ParameterKind.BOOLEAN: SwitchEditor,
    ParameterKind.TEXT: TextEditor,
    ParameterKind.SEED: SeedOptionEditor,
}


def make_editor(
    spec: ParameterSpec, input_count: int, notes: Mapping[str, str], session: Session
) -> OptionEditor:
    """Return an editor for a parameter; `notes` are remarks on its choices, by value."""
    if spec.kind is ParameterKind.LORAS:
        return LorasEditor(spec, session)
    plain = _PLAIN_EDITORS.get(spec.kind)
    if plain is not None:
        return plain(spec)
    choices = spec.offered(input_count)
    if _are_short(choices) and not notes:
        return SegmentsEditor(spec, choices)
    return ListEditor(spec, choices, notes)


def _are_short(choices: tuple[Choice, ...]) -> bool:
    letters = sum(len(choice.label) for choice in choices)
    return len(choices) <= _MOST_SEGMENTS and letters <= _SEGMENT_CHARS


def _prepare(box: QAbstractSpinBox) -> None:
    box.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToNearestValue)
    box.setKeyboardTracking(True)
    box.setFixedWidth(_SPIN_PX)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
