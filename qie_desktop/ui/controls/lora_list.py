"""The person's LoRA files: which act, and how strongly; adding one, and the folder that they are in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from qie_desktop.core.loras import SUFFIX, Lora, format_loras, parse_loras
from qie_desktop.services.loras import add_lora, own_lora_names
from qie_desktop.storage.atomic import mapped_errors
from qie_desktop.ui.controls.lora_row import LoraRow
from qie_desktop.ui.controls.tab_order import chain, focusable_in_order
from qie_desktop.ui.file_panel import open_file_panel
from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing, TextSize

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.parameters import ParameterSpec
    from qie_desktop.ui.session import Session

_MOST_ROWS = 6
_ROW_GAP_PX = 2
_NONE_YET = "None yet. A LoRA gives what the model makes a style or a subject."


class LoraList(QWidget):
    """A row for each file of the folder, and for each that is chosen and gone.

    The folder is looked at whenever the list is shown and the person comes back to the program.
    """

    loras_set = Signal(object)
    """str | None: those that are chosen, as the parameter holds them; None where there are none."""

    def __init__(self, spec: ParameterSpec, session: Session) -> None:
        super().__init__()
        self._spec = spec
        self._session = session
        self._folder = session.folder.loras
        self._chosen: tuple[Lora, ...] = ()
        self._names: list[str] = []
        self._listed = False
        self._rows: dict[str, LoraRow] = {}
        self._note = QLabel(_NONE_YET)
        self._note.setObjectName("lora_note")
        self._note.setWordWrap(True)
        classes.make_muted(self._note)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_ROW_GAP_PX)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)
        self.add = _button("lora_add", "Add LoRA…", f"Take a {SUFFIX} file into the folder")
        self._open = _button("lora_folder", "Open LoRA Folder", "Show the folder that the files are in")
        self.add.clicked.connect(self._on_add_clicked)
        self._open.clicked.connect(self._on_open_clicked)
        buttons = QHBoxLayout()
        buttons.setSpacing(Spacing.s)
        buttons.addWidget(self.add)
        buttons.addWidget(self._open)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.s)
        column.addWidget(self._scroll)
        column.addWidget(self._note)
        column.addLayout(buttons)
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._on_application_state_changed)
        self._build()

    def show_loras(self, value: str | None) -> None:
        """Show what is chosen."""
        try:
            self._chosen = parse_loras(value or "")
        except ValueError:
            # Of somebody else's file: running says what is wrong with it.
            self._chosen = ()
        if {lora.name for lora in self._chosen} <= self._rows.keys():
            self._show_choices()
        else:
            self._build()

    def take(self, path: Path) -> None:
        """Check a file, and take it into the folder; then it is chosen."""
        self.add.setEnabled(False)
        self._say(f"Looking at {path.name}…")
        self._session.background.run(partial(add_lora, self._folder, path), self._on_added, self._on_refused)

    def refresh(self) -> None:
        """Look at the folder again."""
        self._session.background.run(partial(own_lora_names, self._folder), self._on_listed, self._on_refused)

    def showEvent(self, shown: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Look at the folder: it may have changed."""
        super().showEvent(shown)
        self.refresh()

    def _build(self) -> None:
        """Make the rows anew, but for those that stay as they are, with the focus in them."""
        others = [lora.name for lora in self._chosen if lora.name not in self._names]
        # Until the folder has been looked at nobody knows that one is gone.
        wanted = dict.fromkeys(self._names, True) | dict.fromkeys(others, not self._listed)
        for name, row in list(self._rows.items()):
            if wanted.get(name) is not row.is_here:
                self._column.removeWidget(row)
                del self._rows[name]
                row.setParent(None)
                row.deleteLater()
        rows: dict[str, LoraRow] = {}
        for index, (name, is_here) in enumerate(wanted.items()):
            row = self._rows.get(name)
            if row is None:
                row = LoraRow(name, self._spec, is_here=is_here)
                row.changed.connect(self._on_row_changed)
            rows[name] = row
            self._column.insertWidget(index, row)
        self._rows = rows
        height = next((row.sizeHint().height() for row in rows.values()), 0) + _ROW_GAP_PX
        self._scroll.setFixedHeight(height * min(len(rows), _MOST_ROWS))
        self._scroll.setVisible(bool(rows))
        if self._note.text() in {_NONE_YET, ""}:
            self._say("" if rows else _NONE_YET)
        self._show_choices()
        chain([*(each for row in rows.values() for each in focusable_in_order(row)), self.add, self._open])

    def _show_choices(self) -> None:
        chosen = {lora.name: lora for lora in self._chosen}
        for name, row in self._rows.items():
            row.show_lora(chosen.get(name))

    def _say(self, text: str, verdict: str = "muted") -> None:
        self._note.setText(text)
        self._note.setVisible(bool(text))
        classes.make_verdict(self._note, verdict)

    def _choose(self, loras: tuple[Lora, ...]) -> None:
        self.loras_set.emit(format_loras(loras) or None)

    @Slot()
    def _on_row_changed(self) -> None:
        """Keep the order in which they were chosen; what is new comes last."""
        chosen = {name: row.lora for name, row in self._rows.items()}
        before = [lora.name for lora in self._chosen]
        order = [*before, *(name for name in chosen if name not in before)]
        self._choose(tuple(lora for name in order if (lora := chosen.get(name)) is not None))

    @Slot()
    def _on_add_clicked(self) -> None:
        panel = open_file_panel(self.window(), "Add LoRA", "lora_panel", f"LoRA files (*{SUFFIX})")
        panel.fileSelected.connect(self._on_file_selected)

    @Slot(str)
    def _on_file_selected(self, path: str) -> None:
        self.take(Path(path))

    @Slot()
    def _on_open_clicked(self) -> None:
        self._session.background.run(partial(_made, self._folder), _show_folder, self._on_refused)

    @Slot(Qt.ApplicationState)
    def _on_application_state_changed(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive and self.isVisible():
            self.refresh()

    def _on_listed(self, names: list[str]) -> None:
        if names != self._names or not self._listed:
            self._names, self._listed = names, True
            self._build()

    def _on_added(self, name: str) -> None:
        self.add.setEnabled(True)
        self._say("")
        if name not in self._names:
            self._names = sorted((*self._names, name), key=str.casefold)
        self._build()
        if name not in {lora.name for lora in self._chosen}:
            self._choose((*self._chosen, Lora(name)))

    def _on_refused(self, error: QieError) -> None:
        self.add.setEnabled(True)
        self._say(f"{error.message} {error.hint}".strip(), "danger")


def _made(folder: Path) -> Path:
    """Return the folder, which is there now. Raises StorageError."""
    with mapped_errors(folder, "make"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _button(name: str, words: str, help_text: str) -> QPushButton:
    button = QPushButton(words)
    button.setObjectName(name)
    button.setFont(TextSize.small())
    button.setToolTip(help_text)
    button.setAccessibleDescription(help_text)
    button.setAutoDefault(False)
    return button
