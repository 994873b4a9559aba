"""Get Info: everything in a job's request, its times, its cost, its files; all of it can be copied."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from qie_desktop.ui.look import classes
from qie_desktop.ui.look.tokens import Spacing
from qie_desktop.ui.sheets.job_facts import FactGroup, as_text, job_facts
from qie_desktop.ui.sheets.sheet import Sheet, muted_label

if TYPE_CHECKING:
    from pathlib import Path

    from qie_desktop.core.errors import QieError
    from qie_desktop.core.job import Job
    from qie_desktop.ui.session import Session

_SIZE = (480, 560)
_LABEL_WIDTH = 110


class GetInfo(Sheet):
    """What is known of one job. Beside the window, not over it: several can be open."""

    def __init__(self, session: Session, job: Job, parent: QWidget | None = None) -> None:
        super().__init__("get_info", "Info", parent)
        self.resize(*_SIZE)
        self._groups: tuple[FactGroup, ...] = ()
        self._folder: Path | None = None
        self._grid = QGridLayout()
        self._lay_out()
        session.background.run(partial(_look, session, job), self._on_looked, self._on_failed)

    @Slot()
    def copy(self) -> None:
        """Put everything on the clipboard as text."""
        QGuiApplication.clipboard().setText(as_text(self._groups))
        self._status.setText("Copied.")

    def _lay_out(self) -> None:
        page = QWidget()
        self._grid.setContentsMargins(0, 0, Spacing.m, 0)
        self._grid.setHorizontalSpacing(Spacing.m)
        self._grid.setVerticalSpacing(Spacing.s)
        self._grid.setColumnMinimumWidth(0, _LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        page.setLayout(self._grid)
        area = QScrollArea()
        area.setObjectName("facts")
        area.setAccessibleName("Facts")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        self.body.addWidget(area, 1)
        self._status = muted_label()
        self._status.setObjectName("info_status")
        self.buttons.addWidget(self._status, 1)
        self._show_files = self.add_button("Show in Finder", "show_files_button")
        self._show_files.setEnabled(False)
        self._show_files.clicked.connect(self._on_show_clicked)
        self.add_button("Copy", "copy_info_button").clicked.connect(self.copy)
        self.add_button("Done", "close_info_button", primary=True).clicked.connect(self.accept)

    def _on_looked(self, looked: tuple[Path, tuple[FactGroup, ...]]) -> None:
        self._folder, self._groups = looked
        self._show_files.setEnabled(True)
        row = 0
        for group in self._groups:
            title = QLabel(group.title)
            title.setContentsMargins(0, Spacing.s if row else 0, 0, 0)
            classes.make_title(title)
            self._grid.addWidget(title, row, 0, 1, 2)
            row += 1
            for fact in group.facts:
                name = QLabel(fact.name)
                classes.make_muted(name, small=False)
                value = _value(fact.value)
                value.setAccessibleName(f"{fact.name}: {fact.value}")
                self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
                self._grid.addWidget(value, row, 1)
                row += 1
        self._grid.setRowStretch(row, 1)

    def _on_failed(self, error: QieError) -> None:
        self._status.setText(f"{error.message} {error.hint}".strip())
        classes.make_verdict(self._status, "danger")

    @Slot()
    def _on_show_clicked(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))


def _look(session: Session, job: Job) -> tuple[Path, tuple[FactGroup, ...]]:
    folder = session.store.folder(job.job_id)
    return folder, job_facts(job, folder)


def _value(text: str) -> QLabel:
    value = QLabel(_breakable(text))
    value.setTextFormat(Qt.TextFormat.PlainText)
    value.setWordWrap(True)
    value.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return value


def _breakable(text: str) -> str:
    """Return the text with places to wrap in its paths, which have no spaces."""
    zero_width_space = "\u200b"
    return text.replace("/", f"/{zero_width_space}")
