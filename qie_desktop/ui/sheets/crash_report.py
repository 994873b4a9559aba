"""What the last start has left when it crashed: told calmly, with a report that can be copied."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit

from qie_desktop.ui.crash_log import read_report
from qie_desktop.ui.macos.finder import show_in_finder
from qie_desktop.ui.sheets.sheet import Sheet, muted_label

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from qie_desktop.core.errors import QieError
    from qie_desktop.ui.session import Session

_SIZE = (560, 420)


class CrashReportSheet(Sheet):
    """One report. Nothing is sent anywhere: the person copies it, or does not."""

    def __init__(self, session: Session, path: Path, parent: QWidget | None = None) -> None:
        super().__init__("crash_report", "Crash Report", parent)
        self.resize(*_SIZE)
        self._path = path
        self.add_headline(
            "Qwen Image Editor ended unexpectedly the last time.",
            "Your pictures and jobs are safe. This report tells where in the program it happened, and stays "
            "on this machine. If it happens again, copy it into a message to the developers.",
        )
        self._text = QPlainTextEdit()
        self._text.setObjectName("crash_text")
        self._text.setAccessibleName("Crash report")
        self._text.setReadOnly(True)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.body.addWidget(self._text, 1)
        self._status = muted_label()
        self._status.setObjectName("crash_status")
        self.buttons.addWidget(self._status, 1)
        show = self.add_button("Show in Finder", "show_crash_button")
        show.clicked.connect(self._on_show_clicked)
        self._copy = self.add_button("Copy Report", "copy_crash_button")
        self._copy.setEnabled(False)
        self._copy.clicked.connect(self.copy)
        self.add_button("Continue", "close_crash_button", primary=True).clicked.connect(self.accept)
        session.background.run(partial(read_report, path), self._on_read, self._on_failed)

    @Slot()
    def copy(self) -> None:
        """Put the report on the clipboard."""
        QGuiApplication.clipboard().setText(self._text.toPlainText())
        self._status.setText("Copied.")

    def _on_read(self, report: str) -> None:
        self._text.setPlainText(report)
        self._copy.setEnabled(True)

    def _on_failed(self, error: QieError) -> None:
        self._status.setText(error.message)

    @Slot()
    def _on_show_clicked(self) -> None:
        show_in_finder(self._path)
