"""The slots of the current model, in a grid; what happens to them changes the draft."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QGridLayout, QWidget

from qie_desktop.core.errors import QieError
from qie_desktop.ui.controls.image_slot import ImageSlot, SlotState
from qie_desktop.ui.controls.result_outline import size_setting_slots, unusable
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from qie_desktop.ui.controls.intake import PictureIntake
    from qie_desktop.ui.controls.pictures import Pictures
    from qie_desktop.ui.draft import Draft

_GRIDS = ((1, 1, 132), (2, 2, 112), (3, 3, 84), (4, 4, 64))
"""Up to so many slots: so many columns, of such a height in pixels."""
_MANY = (5, 48)
_PATTERNS = "*.jpg *.jpeg *.png *.webp *.heic *.heif *.avif *.tif *.tiff *.gif *.bmp"


class ImageSlots(QWidget):
    """As many slots as the model takes; hidden by its section for a model that takes none."""

    files_chosen = Signal(object, object)
    """list[Path], int | None: what was chosen in the open panel, and the slot that it was opened for."""

    def __init__(
        self, draft: Draft, pictures: Pictures, intake: PictureIntake, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("image_slots")
        self.setAccessibleName("Images")
        self._draft = draft
        self._pictures = pictures
        self._intake = intake
        self._slots: list[ImageSlot] = []
        self._asked_for: int | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(Spacing.xs)
        for signal in (draft.images_changed, draft.values_changed, intake.expecting_changed):
            signal.connect(self._on_state_changed)
        pictures.loaded.connect(self._on_loaded)
        draft.model_changed.connect(self._on_model_changed)
        self._on_model_changed()

    @property
    def slots(self) -> tuple[ImageSlot, ...]:
        """The slots, in their order."""
        return tuple(self._slots)

    def set_lit(self, lit: bool) -> None:
        """Light all slots up, as something is dragged over the window."""
        for slot in self._slots:
            slot.set_lit(lit)

    def open_panel(self, slot: int | None = None) -> None:
        """Let the person choose files for a slot, or for the free ones."""
        self._asked_for = slot
        dialog = QFileDialog(self.window(), "Choose Images")
        dialog.setObjectName("open_panel")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([f"Images ({_PATTERNS} {_PATTERNS.upper()})", "All Files (*)"])
        dialog.filesSelected.connect(self._on_files_selected)
        dialog.open()

    @Slot(list)
    def _on_files_selected(self, names: list[str]) -> None:
        self.files_chosen.emit([Path(name) for name in names], self._asked_for)

    @Slot()
    def _on_slot_clicked(self) -> None:
        slot = self.sender()
        if isinstance(slot, ImageSlot):
            self.open_panel(slot.index)

    @Slot(int)
    def _on_cleared(self, index: int) -> None:
        self._draft.set_image(index, None)

    @Slot(int, int)
    def _on_moved(self, source: int, target: int) -> None:
        if source != target and 0 <= source < len(self._slots) and 0 <= target < len(self._slots):
            self._draft.move_image(source, target)
            self._slots[target].setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(int, object)
    def _on_dropped(self, index: int, mime: QMimeData) -> None:
        self._intake.take_mime(mime, index)

    @Slot()
    def _on_model_changed(self) -> None:
        wanted = len(self._draft.images)
        while len(self._slots) > wanted:
            slot = self._slots.pop()
            slot.hide()
            slot.deleteLater()
        while len(self._slots) < wanted:
            self._slots.append(self._new_slot(len(self._slots)))
        columns, height = next(((grid[1], grid[2]) for grid in _GRIDS if wanted <= grid[0]), _MANY)
        for slot in self._slots:
            slot.setFixedHeight(height)
            self._grid.addWidget(slot, slot.index // columns, slot.index % columns)
            slot.show()
        for column in range(_MANY[0]):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._on_state_changed()

    @Slot()
    def _on_state_changed(self) -> None:
        images, expecting = self._draft.images, self._intake.expecting
        setting = size_setting_slots(self._draft)
        for slot, path in zip(self._slots, images, strict=False):
            shown = None if path is None else self._pictures.get(path)
            error = unusable(self._draft.spec, path, shown)
            slot.show_state(
                SlotState(
                    path=path,
                    shown=shown,
                    several=len(images) > 1,
                    sets_size=slot.index in setting,
                    problem=error.message if error is not None and not isinstance(shown, QieError) else "",
                    busy=expecting.get(slot.index, ""),
                )
            )

    @Slot(object)
    def _on_loaded(self, path: Path) -> None:
        if path in self._draft.images:
            self._on_state_changed()

    def _new_slot(self, index: int) -> ImageSlot:
        slot = ImageSlot(index, self)
        slot.clicked.connect(self._on_slot_clicked)
        slot.cleared.connect(self._on_cleared)
        slot.moved.connect(self._on_moved)
        slot.dropped.connect(self._on_dropped)
        return slot
