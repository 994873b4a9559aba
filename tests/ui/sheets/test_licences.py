from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.about import AboutBox
from qie_desktop.ui.sheets.licences import LicencesSheet


@pytest.fixture
def sheet(qtbot: QtBot, threaded: Session) -> LicencesSheet:
    sheet = LicencesSheet(threaded)
    qtbot.addWidget(sheet)
    sheet.show()
    qtbot.waitUntil(lambda: sheet.packages.count() > 0, timeout=20_000)
    return sheet


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PySide6_Essentials", "GNU LESSER GENERAL PUBLIC LICENSE"),
        ("torch", "Redistribution and use in source and binary forms"),
        ("diffusers", "Apache License"),
        ("qie-desktop", "MIT License"),
    ],
)
def test_chosen_package_shows_its_licence(qtbot: QtBot, sheet: LicencesSheet, name: str, words: str) -> None:
    names = [sheet.packages.item(row).data(Qt.ItemDataRole.UserRole) for row in range(sheet.packages.count())]
    sheet.packages.setCurrentRow(names.index(name))
    qtbot.waitUntil(
        lambda: words.lower() in " ".join(sheet.text.toPlainText().lower().split()), timeout=10_000
    )


def test_about_leads_to_them(qtbot: QtBot, open_window: Callable[..., MainWindow]) -> None:
    window = open_window()
    window.actions_table["about"].trigger()
    (about,) = window.findChildren(AboutBox)
    about.findChild(QPushButton, "licences_button").click()
    (sheet,) = window.findChildren(LicencesSheet)
    qtbot.waitUntil(lambda: bool(sheet.text.toPlainText()), timeout=20_000)
    with qtbot.waitSignal(sheet.finished):
        sheet.findChild(QPushButton, "close_licences_button").click()
    about.accept()
