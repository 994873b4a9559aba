"""More options: exactly the parameters of the model that apply and have no place of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from qie_desktop.services.preferences import with_preferences
from qie_desktop.ui.controls.applicable import more_options, values_of
from qie_desktop.ui.controls.disclosure import Disclosure
from qie_desktop.ui.controls.memory_notes import memory_notes
from qie_desktop.ui.controls.option_editors import (
    LorasEditor,
    OptionEditor,
    SeedOptionEditor,
    SwitchEditor,
    TextEditor,
    make_editor,
)
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from qie_desktop.core.job import Job
    from qie_desktop.core.parameters import ParameterSpec, Value
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session

_INLINE_PX = 170
"""An editor that is wider stands under its label."""


class OptionsPanel(QWidget):
    """A disclosure triangle, and under it an editor for each parameter."""

    def __init__(self, session: Session, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("more_options")
        self._draft = draft
        self._session = session
        self._settings = session.settings
        self._specs: tuple[ParameterSpec, ...] = ()
        self._shown: object = None
        self._editors: dict[str, OptionEditor] = {}
        self._rows: list[QWidget] = []
        self._last_seeds: dict[str, int] = {}
        self._toggle = Disclosure("More options")
        self._toggle.setObjectName("more_options_toggle")
        self._toggle.toggled.connect(self._on_toggled)
        self._content = QWidget()
        self._content.setObjectName("more_options_content")
        self._content.hide()
        self._reset = QPushButton("Reset to Defaults")
        self._reset.setObjectName("reset_options")
        self._reset.setFont(TextSize.small())
        self._reset.clicked.connect(self._on_reset_clicked)
        self._column = QVBoxLayout(self._content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Spacing.s)
        self._column.addWidget(self._reset, 0, Qt.AlignmentFlag.AlignRight)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.s)
        column.addWidget(self._toggle)
        column.addWidget(self._content)
        for signal in (draft.model_changed, draft.images_changed, draft.values_changed):
            signal.connect(self._on_state_changed)
        session.jobs.submitted.connect(self._on_submitted)
        self._on_state_changed()

    @property
    def editors(self) -> dict[str, OptionEditor]:
        """The editors that are shown, by the name of their parameter."""
        return dict(self._editors)

    def set_open(self, is_open: bool) -> None:
        """Show the editors, or hide them."""
        self._toggle.setChecked(is_open)

    @Slot(bool)
    def _on_toggled(self, is_open: bool) -> None:
        self._content.setVisible(is_open)

    @Slot()
    def _on_state_changed(self) -> None:
        specs = more_options(self._draft)
        offered = tuple(spec.offered(self._draft.image_count) for spec in specs)
        shown = (self._draft.spec.id, specs, offered)
        if shown != self._shown:
            self._specs, self._shown = specs, shown
            self._build()
        values = values_of(self._draft)
        for name, editor in self._editors.items():
            editor.show_value(values.get(name))
        self.setVisible(bool(specs))
        preferred = with_preferences(self._draft.spec, {}, self._settings)
        self._reset.setEnabled(self._draft.given != preferred)

    @Slot(str, object)
    def _on_changed(self, name: str, value: Value | None) -> None:
        self._draft.set_value(name, value)

    @Slot()
    def _on_reset_clicked(self) -> None:
        self._draft.reset_values()

    @Slot(object)
    def _on_submitted(self, job: Job) -> None:
        if job.request.seed is not None:
            self._last_seeds[job.request.model_id] = job.request.seed
            self._pass_on_seed()

    def _build(self) -> None:
        """Make the editors anew, keeping those of parameters that stay, with the focus in them."""
        model = self._draft.spec
        kept = {
            spec.name: self._editors[spec.name]
            for spec in self._specs
            if spec.name in self._editors and self._editors[spec.name].spec == spec and not spec.choices
        }
        for name, editor in self._editors.items():
            if name not in kept:
                editor.widget.setParent(None)
                editor.widget.deleteLater()
        for row in self._rows:
            self._column.removeWidget(row)
        old_rows, self._rows = self._rows, []
        editors: dict[str, OptionEditor] = {}
        for index, spec in enumerate(self._specs):
            editor = kept.get(spec.name)
            row = editor.widget.parentWidget() if editor is not None else None
            if editor is None or row is None:
                notes = memory_notes(model, spec, self._device())
                editor = make_editor(spec, self._draft.image_count, notes, self._session)
                editor.changed.connect(self._on_changed)
                row = _row_for(editor)
            editors[spec.name] = editor
            self._rows.append(row)
            self._column.insertWidget(index, row)
            row.show()
        for row in old_rows:
            if row not in self._rows:
                row.hide()
                row.deleteLater()
        self._editors = editors
        self._pass_on_seed()

    def _device(self) -> str:
        return str(self._settings.get("local.device"))

    def _pass_on_seed(self) -> None:
        seed = self._last_seeds.get(self._draft.spec.id)
        for editor in self._editors.values():
            if isinstance(editor, SeedOptionEditor) and seed is not None:
                editor.seed.note_used(seed)


def _row_for(editor: OptionEditor) -> QWidget:
    """Return a row with the label beside the editor, or above it where that is wide."""
    row = QWidget()
    wide = isinstance(editor, (TextEditor, LorasEditor)) or editor.widget.sizeHint().width() > _INLINE_PX
    layout = QVBoxLayout(row) if wide else QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(Spacing.xs if wide else Spacing.s)
    if not isinstance(editor, SwitchEditor):
        label = QLabel(editor.spec.label)
        label.setToolTip(editor.spec.help)
        label.setBuddy(editor.target)
        label.setWordWrap(not wide)
        layout.addWidget(label, 0 if wide else 1)
    layout.addWidget(editor.widget)
    return row
