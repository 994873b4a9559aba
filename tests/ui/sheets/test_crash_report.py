from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.crash_report import CrashReportSheet

REPORT = "Qwen Image Editor 0.1.0\n\nFatal Python error: Segmentation fault\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "crash-20261122-101530.log"
    path.write_text(REPORT)
    return path


def test_report_is_shown_and_copied(qtbot: QtBot, session: Session, path: Path) -> None:
    sheet = CrashReportSheet(session, path)
    qtbot.addWidget(sheet)
    sheet.show()
    text = sheet.findChild(QPlainTextEdit, "crash_text")
    assert text.toPlainText() == REPORT
    sheet.findChild(QPushButton, "copy_crash_button").click()
    assert QGuiApplication.clipboard().text() == REPORT


def test_report_that_is_gone_cannot_be_copied(qtbot: QtBot, session: Session, path: Path) -> None:
    path.unlink()
    sheet = CrashReportSheet(session, path)
    qtbot.addWidget(sheet)
    assert not sheet.findChild(QPushButton, "copy_crash_button").isEnabled()


def test_window_shows_it_once_and_goes_on(
    qtbot: QtBot, open_window: Callable[..., MainWindow], path: Path
) -> None:
    window = open_window()
    window.dialogs.show_crash_report(path)
    window.dialogs.show_crash_report(path)
    (sheet,) = window.findChildren(CrashReportSheet)
    assert not sheet.isModal()
    with qtbot.waitSignal(sheet.finished):
        sheet.findChild(QPushButton, "close_crash_button").click()
