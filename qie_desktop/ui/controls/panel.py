"""The left side of the window: every control over one draft, and running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from qie_desktop.core.errors import ImageSizeOutOfRange
from qie_desktop.services.preferences import with_preferences
from qie_desktop.ui.controls.aspect_ratio import AspectRatioTiles
from qie_desktop.ui.controls.dropped import SLOT_MIME, may_hold_pictures
from qie_desktop.ui.controls.example_chips import ExampleChips
from qie_desktop.ui.controls.image_section import ImageSection
from qie_desktop.ui.controls.intake import PictureIntake
from qie_desktop.ui.controls.model_picker import ModelPicker
from qie_desktop.ui.controls.options_panel import OptionsPanel
from qie_desktop.ui.controls.pictures import Pictures
from qie_desktop.ui.controls.prompt_edit import PromptEdit
from qie_desktop.ui.controls.prompt_history import PromptHistoryButton
from qie_desktop.ui.controls.readiness import Readiness
from qie_desktop.ui.controls.run_bar import RunBar
from qie_desktop.ui.controls.section import Section
from qie_desktop.ui.controls.tab_order import chain, focusable_in_order
from qie_desktop.ui.look.steady_scroll import SteadyScrollArea
from qie_desktop.ui.look.tokens import Spacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from PySide6.QtCore import QMimeData

    from qie_desktop.core.download import DownloadState
    from qie_desktop.ui.draft import Draft
    from qie_desktop.ui.session import Session

_MIN_WIDTH_PX = 264


class ControlsPanel(QWidget):
    """All controls, one under the other, in a scroll area; running stays in sight below them."""

    run_requested = Signal()
    """The draft is to be run: it has been checked as far as that goes at once."""
    help_requested = Signal(str)
    """str: the code of the error that is to be mended, such as `credentials_missing`."""

    def __init__(self, session: Session, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("controls")
        self._session = session
        self._draft = draft
        self._inside = QWidget()
        self._order: list[QWidget] = []
        self._preferred: dict[tuple[str, str], object] = {}
        self.pictures = Pictures(session.background, self)
        self.intake = PictureIntake(session, draft, self.pictures, self)
        self.readiness = Readiness(session, self)
        self._picker = ModelPicker(session, draft, self.readiness)
        self._images = ImageSection(draft, self.pictures, self.intake)
        self._prompt = PromptEdit(draft)
        self._history = PromptHistoryButton(session, draft)
        self._ratio = AspectRatioTiles(draft)
        self._ratio_section = Section("Aspect ratio", (self._ratio,))
        self._options = OptionsPanel(session, draft)
        self._run_bar = RunBar(session, draft, self.readiness, self.intake)
        self._arrange()
        self._connect()
        self._on_state_changed()
        self.readiness.refresh()

    def focus_prompt(self) -> None:
        """Put the cursor into the prompt."""
        self._prompt.setFocus(Qt.FocusReason.OtherFocusReason)

    def open_images(self) -> None:
        """Let the person choose files for the free slots."""
        self._images.slots.open_panel()

    def paste(self) -> None:
        """Take pictures from the clipboard."""
        self.intake.take_mime(QApplication.clipboard().mimeData())

    def take(self, mime: QMimeData) -> None:
        """Take what was dropped elsewhere in the window."""
        self.intake.take_mime(mime)

    def take_files(self, paths: Iterable[Path]) -> None:
        """Take files, such as those that the program was started with, or an output used as an input."""
        self.intake.take_files(paths)

    def accepts(self, mime: QMimeData) -> bool:
        """Whether something that is dragged over the window may be dropped on it; a slot only on another."""
        return may_hold_pictures(mime) and not mime.hasFormat(SLOT_MIME)

    def set_lit(self, lit: bool) -> None:
        """Light the slots up while something is dragged over the window."""
        self._images.slots.set_lit(lit)

    def run(self) -> None:
        """Ask for a run, as the button does, if the draft can be run now."""
        self._run_bar.run()

    def refresh(self) -> None:
        """Ask again what can be used, as after a token was added or a model downloaded."""
        self.readiness.refresh()

    @Slot(object)
    def show_download(self, state: DownloadState | None) -> None:
        """Say how far a download is, where its model waits for it."""
        self.readiness.show_download(state)

    def _arrange(self) -> None:
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(Spacing.l, Spacing.m, Spacing.l, Spacing.xs)
        column.setSpacing(Spacing.l)
        for part in (
            Section("Model", (self._picker,)),
            self._images,
            Section("Prompt", (self._prompt, ExampleChips(self._draft)), (self._history,)),
            self._ratio_section,
            self._options,
        ):
            column.addWidget(part)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(SteadyScrollArea(self._inside), 1)
        outer.addWidget(self._run_bar)
        self.setMinimumWidth(_MIN_WIDTH_PX)

    def _connect(self) -> None:
        self._picker.help_requested.connect(self.help_requested)
        self._run_bar.help_requested.connect(self._on_run_help_requested)
        self._run_bar.run_requested.connect(self.run_requested)
        self._prompt.run_requested.connect(self._run_bar.run)
        self._prompt.history_stepped.connect(self._history.step)
        self._prompt.pictures_pasted.connect(self.intake.take_mime)
        self._draft.model_changed.connect(self._on_state_changed)
        self.readiness.changed.connect(self._on_state_changed)
        self._draft.images_changed.connect(self._on_state_changed)
        self._draft.values_changed.connect(self._on_state_changed)

    @Slot(str)
    def _on_run_help_requested(self, code: str) -> None:
        if code == ImageSizeOutOfRange.code:
            self.intake.use_scaled_copies()
        else:
            self.help_requested.emit(code)

    @Slot()
    def _on_state_changed(self) -> None:
        self._prefer()
        self._ratio_section.setVisible(self._ratio.is_needed)
        order = [*focusable_in_order(self._inside), *focusable_in_order(self._run_bar)]
        if order != self._order:
            self._order = order
            chain(order)

    def _prefer(self) -> None:
        """Start from what the settings say, where the person has not chosen otherwise for this model."""
        spec, given = self._draft.spec, self._draft.given
        for name, value in with_preferences(spec, {}, self._session.settings).items():
            untouched = name not in given or given[name] == self._preferred.get((spec.id, name))
            self._preferred[spec.id, name] = value
            if untouched and given.get(name) != value and isinstance(value, (str, int, float)):
                self._draft.set_value(name, value)
