"""What is changed in one dialog is seen in the others that are open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.ui.dialogs import Dialogs
from qie_desktop.ui.session import Session


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    return window


@pytest.fixture
def dialogs(window: QWidget, session: Session) -> Iterator[Dialogs]:
    dialogs = Dialogs(window, session)
    yield dialogs
    for dialog in window.findChildren(QDialog):
        dialog.reject()


def test_open_settings_show_the_quantisation_that_a_download_has_set(
    dialogs: Dialogs, window: QWidget, session: Session, qtbot: QtBot
) -> None:
    dialogs.show_settings("local_page")
    box = window.findChild(QComboBox, "local.quantisation")
    assert box.currentData() != "Q2_K"
    session.settings.set("local.quantisation", "Q2_K")
    with qtbot.waitSignal(dialogs.setting_changed) as told:
        dialogs.downloads.setting_changed.emit("local.quantisation", "Q2_K")
    assert told.args == ["local.quantisation", "Q2_K"]
    assert box.currentData() == "Q2_K"


@pytest.mark.parametrize("acting", ["settings", "manage_models"])
def test_own_weights_are_the_same_in_both_places(
    acting: str, dialogs: Dialogs, window: QWidget, session: Session, tiny_gguf: Path
) -> None:
    session.settings.set("local.transformer", str(tiny_gguf))
    dialogs.show_settings("local_page")
    dialogs.show_models()
    sheets = {name: window.findChild(QDialog, name) for name in ("settings", "manage_models")}
    shown = {name: sheet.findChild(QLabel, "local.transformer.path") for name, sheet in sheets.items()}
    assert all(tiny_gguf.name in label.text() for label in shown.values())
    sheets[acting].findChild(QPushButton, "local.transformer.reset").click()
    assert {label.text() for label in shown.values()} == {shown[acting].text()}
    assert tiny_gguf.name not in shown[acting].text()
