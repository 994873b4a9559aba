from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import CredentialsMissing
from qie_desktop.storage.secrets import ReplicateToken
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.settings_dialog import SettingsDialog
from qie_desktop.ui.sheets.token_sheet import TokenSheet
from tests.ui.sheets.conftest import MemoryKeychain

Keep = Callable[[Any], Any]

TOKEN = "r8_" + "a1b2c3d4" * 4


def child(parent: QWidget, kind: type[Any], name: str) -> Any:
    found = parent.findChild(kind, name)
    assert found is not None
    return found


def shown_texts(parent: QWidget) -> str:
    labels = [label.text() for label in parent.findChildren(QLabel)]
    return " ".join(labels + [field.displayText() for field in parent.findChildren(QLineEdit)])


def test_a_token_goes_into_the_keychain_and_the_sheet_closes(
    session: Session, keychain: MemoryKeychain, kept: Keep, qtbot: QtBot
) -> None:
    sheet = kept(TokenSheet(session))
    sheet.show()
    field = child(sheet, QLineEdit, "token_field")
    qtbot.keyClicks(field, TOKEN)
    assert TOKEN not in shown_texts(sheet)

    with qtbot.waitSignal(sheet.stored):
        qtbot.keyClick(field, Qt.Key.Key_Return)

    assert list(keychain.passwords.values()) == [TOKEN]
    assert session.token.find() == TOKEN
    QApplication.processEvents()
    assert not shiboken6.isValid(sheet) or not sheet.isVisible()


def test_there_is_nothing_to_store_before_something_is_typed(session: Session, kept: Keep) -> None:
    sheet = kept(TokenSheet(session))

    assert not child(sheet, QPushButton, "accept_token_button").isEnabled()
    assert child(sheet, QLabel, "token_status").text() == "No token yet. The cloud models need one."


@pytest.mark.parametrize(
    ("typed", "said"), [("two words", "This is not a Replicate token."), (TOKEN, "Unlock")]
)
def test_what_cannot_be_stored_is_told_and_the_sheet_stays(
    session: Session, keychain: MemoryKeychain, kept: Keep, qtbot: QtBot, typed: str, said: str
) -> None:
    keychain.locked = True
    sheet = kept(TokenSheet(session))
    sheet.show()
    qtbot.keyClicks(child(sheet, QLineEdit, "token_field"), typed)

    qtbot.mouseClick(child(sheet, QPushButton, "accept_token_button"), Qt.MouseButton.LeftButton)

    assert sheet.isVisible()
    assert said in child(sheet, QLabel, "token_status").text()
    assert TOKEN not in shown_texts(sheet)


def test_the_keychain_is_never_asked_on_the_gui_thread(
    threaded: Session, keychain: MemoryKeychain, kept: Keep, qtbot: QtBot
) -> None:
    sheet = kept(TokenSheet(threaded))
    qtbot.keyClicks(child(sheet, QLineEdit, "token_field"), TOKEN)

    with qtbot.waitSignal(sheet.stored):
        qtbot.mouseClick(child(sheet, QPushButton, "accept_token_button"), Qt.MouseButton.LeftButton)

    assert keychain.threads
    assert "MainThread" not in keychain.threads


def test_escape_leaves_everything_as_it_was(
    session: Session, keychain: MemoryKeychain, kept: Keep, qtbot: QtBot
) -> None:
    sheet = kept(TokenSheet(session))
    sheet.show()
    qtbot.keyClicks(child(sheet, QLineEdit, "token_field"), TOKEN)

    with qtbot.assertNotEmitted(sheet.stored):
        qtbot.keyClick(sheet, Qt.Key.Key_Escape)

    assert keychain.passwords == {}


def test_a_stored_token_can_be_removed_in_the_settings(
    session: Session, keychain: MemoryKeychain, kept: Keep, qtbot: QtBot
) -> None:
    session.token.store(TOKEN)
    dialog = kept(SettingsDialog(session))
    dialog.show_page("cloud_page")
    dialog.show()
    remove = child(dialog, QPushButton, "remove_token_button")
    assert remove.isVisible()
    assert child(dialog, QLabel, "token_status").text() == "A token is in the Keychain."

    with qtbot.waitSignal(dialog.token_changed):
        qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)

    assert keychain.passwords == {}
    assert not remove.isVisible()


def test_a_token_of_the_environment_cannot_be_removed_here(session: Session, kept: Keep) -> None:
    token = ReplicateToken(session.folder, {"REPLICATE_API_TOKEN": TOKEN})
    dialog = kept(SettingsDialog(replace(session, token=token)))
    dialog.show_page("cloud_page")
    dialog.show()

    assert not child(dialog, QPushButton, "remove_token_button").isVisible()
    assert "environment" in child(dialog, QLabel, "token_status").text()
    assert TOKEN not in shown_texts(dialog)


def test_without_a_way_to_check_there_is_no_button_for_it(
    session: Session, keychain: MemoryKeychain, kept: Keep
) -> None:
    session.token.store(TOKEN)
    dialog = kept(SettingsDialog(session))
    dialog.show_page("cloud_page")
    dialog.show()

    assert keychain.passwords
    assert not child(dialog, QPushButton, "check_token_button").isVisible()


@pytest.mark.parametrize("known", [True, False])
def test_a_check_says_what_the_provider_says(
    session: Session, keychain: MemoryKeychain, kept: Keep, qtbot: QtBot, known: bool
) -> None:
    def check(_typed: str) -> str:
        if not known:
            raise CredentialsMissing("Replicate does not know this token.", "Make a new one.")
        return "Replicate knows you as ada."

    session.token.store(TOKEN)
    assert keychain.passwords
    dialog = kept(SettingsDialog(session, check_token=check))
    dialog.show_page("cloud_page")
    dialog.show()

    qtbot.mouseClick(child(dialog, QPushButton, "check_token_button"), Qt.MouseButton.LeftButton)

    status = child(dialog, QLabel, "token_status")
    assert ("ada" in status.text()) is known
    assert status.property("class") == ("success" if known else "danger")
