"""The pictures: their slots, how two are combined, the size of the result, and what was refused and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from qie_desktop.ui.controls.applicable import image_choices, values_of
from qie_desktop.ui.controls.image_slots import ImageSlots
from qie_desktop.ui.controls.notice import Notice
from qie_desktop.ui.controls.result_outline import expected_size, ideal_hint, picture_problem
from qie_desktop.ui.controls.section import Section
from qie_desktop.ui.controls.segments import Segments
from qie_desktop.ui.look.classes import make_muted
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.parameters import ParameterSpec
    from qie_desktop.ui.controls.intake import PictureIntake
    from qie_desktop.ui.controls.pictures import Pictures
    from qie_desktop.ui.draft import Draft


class ImageSection(QWidget):
    """Everything about pictures. Of a model that takes none only a refusal is shown."""

    def __init__(
        self, draft: Draft, pictures: Pictures, intake: PictureIntake, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._draft = draft
        self._pictures = pictures
        self._intake = intake
        self._choice_specs: tuple[ParameterSpec, ...] = ()
        self._choices: dict[str, Segments] = {}
        self.slots = ImageSlots(draft, pictures, intake)
        self._choice_box = QWidget()
        self._choice_column = QVBoxLayout(self._choice_box)
        self._choice_column.setContentsMargins(0, Spacing.xs, 0, 0)
        self._size_label = QLabel()
        self._size_label.setObjectName("result_size_label")
        make_muted(self._size_label)
        self._ideal_hint = QLabel()
        self._ideal_hint.setObjectName("ideal_size_hint")
        self._ideal_hint.setWordWrap(True)
        make_muted(self._ideal_hint)
        self._section = Section("Images", (self.slots, self._choice_box, self._size_label, self._ideal_hint))
        self.notice = Notice("image_notice")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.xs)
        column.addWidget(self._section)
        column.addWidget(self.notice)
        self.slots.files_chosen.connect(self._on_files_chosen)
        intake.refused.connect(self._on_refused)
        for signal in (draft.images_changed, draft.values_changed):
            signal.connect(self._on_state_changed)
        draft.model_changed.connect(self._on_model_changed)
        draft.images_changed.connect(self._on_images_changed)
        intake.began.connect(self.notice.clear)
        pictures.loaded.connect(self._on_loaded)
        self._on_state_changed()

    @Slot()
    def _on_model_changed(self) -> None:
        self.notice.clear()
        self._on_state_changed()

    @Slot()
    def _on_images_changed(self) -> None:
        if not self._intake.busy:
            self.notice.clear()

    @Slot(object)
    def _on_loaded(self, _path: Path) -> None:
        self._on_state_changed()

    @Slot(object)
    def _on_refused(self, error: QieError) -> None:
        self.notice.add(error)
        self.setVisible(True)

    @Slot(object, object)
    def _on_files_chosen(self, paths: list[Path], slot: int | None) -> None:
        self._intake.take_files(paths, slot)

    @Slot()
    def _on_state_changed(self) -> None:
        takes_images = self._draft.spec.inputs.maximum > 0
        self._section.setVisible(takes_images)
        self.setVisible(takes_images or bool(self.notice.text))
        self._show_choices()
        self._show_size()

    def _show_choices(self) -> None:
        specs = image_choices(self._draft)
        if specs != self._choice_specs:
            self._choice_specs = specs
            for segments in self._choices.values():
                segments.hide()
                segments.deleteLater()
            self._choices = {spec.name: self._new_choice(spec) for spec in specs}
        self._choice_box.setVisible(bool(specs))
        values = values_of(self._draft)
        for name, segments in self._choices.items():
            segments.set_value(str(values.get(name, "")))

    def _new_choice(self, spec: ParameterSpec) -> Segments:
        segments = Segments(spec.offered(self._draft.image_count))
        segments.setObjectName(f"option_{spec.name}")
        segments.describe(spec.label, spec.help)
        segments.chosen.connect(self._on_choice_chosen)
        self._choice_column.addWidget(segments)
        segments.show()
        return segments

    @Slot(str)
    def _on_choice_chosen(self, value: str) -> None:
        segments = self.sender()
        for name, known in self._choices.items():
            if known is segments:
                self._draft.set_value(name, value)

    def _show_size(self) -> None:
        error = picture_problem(self._draft, self._pictures)
        size = None if error else expected_size(self._draft, self._pictures)
        self._size_label.setText(f"Result {size} px" if size else "")
        self._size_label.setVisible(size is not None)
        hint = ideal_hint(self._draft, self._pictures)
        self._ideal_hint.setText(hint)
        self._ideal_hint.setVisible(bool(hint))
