"""Rows to use own weights: a checkpoint folder and .gguf files, checked before they are taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from qie_desktop.core.errors import CheckpointError
from qie_desktop.engines.local.checkpoint import Checkpoint, read_json
from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder
from qie_desktop.storage.settings_schema import find_setting
from qie_desktop.ui.file_panel import open_file_panel, open_folder_panel
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.own_weights_check import (
    check_checkpoint,
    check_language,
    check_transformer,
    check_vision,
)
from qie_desktop.ui.sheets.sheet import muted_label
from qie_desktop.ui.sheets.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from qie_desktop.core.errors import QieError
    from qie_desktop.storage.settings import Settings
    from qie_desktop.ui.session import Session
    from qie_desktop.ui.sheets.settings_writer import SettingsWriter


@dataclass(frozen=True, slots=True)
class WeightsSetting:
    """A setting that names own weights: whether it is a folder, and how what is picked is checked."""

    key: str
    is_folder: bool
    check: Callable[[Path], str]


OWN_WEIGHTS = (
    WeightsSetting("local.checkpoint", True, check_checkpoint),
    WeightsSetting("local.transformer", False, check_transformer),
    WeightsSetting("local.text_encoder_gguf", False, check_language),
    WeightsSetting("local.text_encoder_mmproj", False, check_vision),
)


class OwnWeights(QWidget):
    """The rows. What is picked is checked off the GUI thread and refused with what it is."""

    changed = Signal(str, object)
    """str, str or None: a setting's key and its new path; it has been passed to the writer."""

    def __init__(self, session: Session, writer: SettingsWriter) -> None:
        super().__init__()
        self.setObjectName("own_weights")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.s)
        self.rows = [WeightsRow(session, setting) for setting in OWN_WEIGHTS]
        for row in self.rows:
            row.chosen.connect(writer.put)
            row.chosen.connect(self.changed)
            column.addWidget(row)

    def show_setting(self, key: str) -> None:
        """Show a setting as it is now, where it is one of these."""
        for row in self.rows:
            if row.key == key:
                row.show_setting()

    def take(self, key: str, path: Path) -> None:
        """Check what was dropped for a setting, and then ask for it to be set."""
        next(row for row in self.rows if row.key == key).take(path)


class WeightsRow(QWidget):
    """One of them: what is set, *Choose…*, and *Reset* where something is set."""

    chosen = Signal(str, object)
    """str, str or None: the setting's key and the path that it is to have."""

    def __init__(self, session: Session, setting: WeightsSetting) -> None:
        super().__init__()
        self._session = session
        self._setting = setting
        self._spec = find_setting(setting.key)
        self._path = _label("", f"{setting.key}.path")
        self._status = muted_label()
        self._status.setObjectName(f"{setting.key}.status")
        self._status.hide()
        self._choose = QPushButton("Choose…")
        self._choose.setObjectName(f"{setting.key}.choose")
        self._choose.setAccessibleName(f"Choose {self._spec.label.lower()}")
        self._reset = QPushButton("Reset")
        self._reset.setObjectName(f"{setting.key}.reset")
        self._reset.setAccessibleName(f"Reset {self._spec.label.lower()}")
        for button in (self._choose, self._reset):
            button.setAutoDefault(False)
        self._choose.clicked.connect(self._on_choose_clicked)
        self._reset.clicked.connect(self._on_reset_clicked)
        self._lay_out()
        self.show_setting()

    @property
    def key(self) -> str:
        """The setting that it is about."""
        return self._setting.key

    def show_setting(self) -> None:
        """Show what is set now."""
        value = self._session.settings.get(self._setting.key)
        self._show(str(value) if value else None)

    def take(self, path: Path) -> None:
        """Check what was picked, and then ask for it to be set."""
        self._choose.setEnabled(False)
        self._say(f"Looking at {path.name}…")
        self._session.background.run(
            partial(_checked, self._session.settings, self._setting, path), self._on_checked, self._on_refused
        )

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(Spacing.s)
        first.addWidget(self._path, 1)
        first.addWidget(self._choose)
        first.addWidget(self._reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.xs)
        column.addLayout(first)
        column.addWidget(self._status)

    def _show(self, path: str | None) -> None:
        self._path.setText(f"{self._spec.label}: {Path(path).name if path else 'none'}")
        self._path.setToolTip(path or self._spec.help)
        self._path.setAccessibleDescription(self._spec.help)
        self._reset.setVisible(path is not None)

    def _say(self, text: str, verdict: str = "muted") -> None:
        self._status.setText(text)
        self._status.setVisible(bool(text))
        classes.make_verdict(self._status, verdict)

    @Slot()
    def _on_choose_clicked(self) -> None:
        title, name = f"Choose {self._spec.label}", f"{self._setting.key}.panel"
        if self._setting.is_folder:
            panel = open_folder_panel(self, title, name)
        else:
            panel = open_file_panel(self, title, name, "GGUF files (*.gguf)")
        panel.fileSelected.connect(self._on_file_selected)

    @Slot(str)
    def _on_file_selected(self, path: str) -> None:
        self.take(Path(path))

    @Slot()
    def _on_reset_clicked(self) -> None:
        self._show(None)
        self._say("")
        self.chosen.emit(self._setting.key, None)

    def _on_checked(self, found: _Checked) -> None:
        self._choose.setEnabled(True)
        self._show(str(found.path))
        self._say(found.words, found.verdict)
        self.chosen.emit(self._setting.key, str(found.path))

    def _on_refused(self, error: QieError) -> None:
        self._choose.setEnabled(True)
        self._say(f"{error.message} {error.hint}".strip(), "danger")


@dataclass(frozen=True, slots=True)
class _Checked:
    """A path that may be set, and what there is to say about it."""

    path: Path
    words: str
    verdict: str


def _checked(settings: Settings, setting: WeightsSetting, path: Path) -> _Checked:
    words = setting.check(path)
    size = "" if setting.is_folder else f", {bytes_text(path.stat().st_size)}"
    paths = {each.key: settings.get(each.key) for each in OWN_WEIGHTS} | {setting.key: str(path)}
    doubt = _doubt({key: Path(str(value)).expanduser() for key, value in paths.items() if value}, setting)
    if doubt:
        return _Checked(path, doubt, "warning")
    return _Checked(path, f"Good: {words}{size}.", "success")


def _doubt(paths: dict[str, Path], setting: WeightsSetting) -> str:
    """Return why own weights do not go together; nothing where they do.

    Who changes several must begin with one: what does not belong together is told, not refused.
    """
    folder, *files = (paths.get(each.key) for each in OWN_WEIGHTS)
    transformer, language, vision = files
    try:
        if folder is not None and transformer is not None and setting.key in _OF_THE_MODEL:
            Checkpoint(folder, transformer).check_transformer()
        if language is not None and vision is not None and folder is not None:
            CompactTextEncoder(language, vision).check(read_json(folder / "text_encoder" / "config.json"))
    except CheckpointError as error:
        return f"{error.message} {error.hint}".strip()
    if setting.key in _OF_THE_ENCODER and (language is None or vision is None):
        other = "mmproj file" if vision is None else "language model"
        return f"Good, and used together with the {other} that belongs to it: choose or drop that one, too."
    return ""


_OF_THE_MODEL = {each.key for each in OWN_WEIGHTS[:2]}
_OF_THE_ENCODER = {each.key for each in OWN_WEIGHTS[2:]}


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    return label
