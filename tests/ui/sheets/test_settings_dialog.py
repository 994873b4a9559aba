from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import StorageError
from qie_desktop.storage.ledger import Ledger, Spending
from qie_desktop.storage.settings import Settings
from qie_desktop.storage.settings_schema import SETTINGS
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.settings_dialog import SettingsDialog
from tests.ui.sheets.conftest import HeldBackground

Keep = Callable[[Any], Any]

SHOWN_OTHERWISE = {
    "general.last_model",
    "local.checkpoint",
    "local.transformer",
    "local.text_encoder_gguf",
    "local.text_encoder_mmproj",
}


@pytest.fixture
def dialog(session: Session, kept: Keep) -> SettingsDialog:
    return kept(SettingsDialog(session))


def on_disk(session: Session, key: str) -> object:
    return Settings.load(session.folder.config).get(key)


@pytest.mark.parametrize("key", sorted({spec.key for spec in SETTINGS} - SHOWN_OTHERWISE))
def test_every_setting_has_a_control_with_its_name_and_help(dialog: SettingsDialog, key: str) -> None:
    spec = next(spec for spec in SETTINGS if spec.key == key)
    control = dialog.findChild(QWidget, key)

    assert control is not None
    assert (control.accessibleName(), control.accessibleDescription()) == (spec.label, spec.help)
    assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_a_choice_is_on_disk_at_once_and_told(dialog: SettingsDialog, session: Session, qtbot: QtBot) -> None:
    box = dialog.findChild(QComboBox, "general.theme")
    assert box is not None

    with qtbot.waitSignal(dialog.setting_changed) as told:
        box.setFocus()
        qtbot.keyClick(box, Qt.Key.Key_Down)
        box.activated.emit(box.currentIndex())

    assert told.args == ["general.theme", "light"]
    assert on_disk(session, "general.theme") == "light"


def test_a_check_box_is_on_disk_at_once(dialog: SettingsDialog, session: Session, qtbot: QtBot) -> None:
    box = dialog.findChild(QCheckBox, "general.notifications")
    assert box is not None
    assert box.isChecked()

    qtbot.keyClick(box, Qt.Key.Key_Space)

    assert on_disk(session, "general.notifications") is False


def test_a_number_keeps_to_its_bounds(dialog: SettingsDialog, session: Session) -> None:
    box = dialog.findChild(QSpinBox, "cloud.max_jobs")
    assert box is not None

    box.setValue(99)

    assert on_disk(session, "cloud.max_jobs") == 16


@pytest.mark.parametrize(("typed", "stored"), [("12.5", 12.5), ("$20", 20.0), ("7,25", 7.25)])
def test_an_amount_is_taken_as_people_write_it(
    dialog: SettingsDialog, session: Session, qtbot: QtBot, typed: str, stored: float
) -> None:
    field = dialog.findChild(QLineEdit, "cloud.monthly_cap_usd")
    assert field is not None

    qtbot.keyClicks(field, typed)
    qtbot.keyClick(field, Qt.Key.Key_Return)

    assert on_disk(session, "cloud.monthly_cap_usd") == stored


def test_an_emptied_amount_is_no_longer_set(session: Session, kept: Keep, qtbot: QtBot) -> None:
    session.settings.set("cloud.monthly_cap_usd", 5)
    session.settings.save()
    field = kept(SettingsDialog(session)).findChild(QLineEdit, "cloud.monthly_cap_usd")
    assert field.text() == "5"

    field.clear()
    qtbot.keyClick(field, Qt.Key.Key_Return)

    assert not Settings.load(session.folder.config).is_set("cloud.monthly_cap_usd")


def test_nonsense_is_refused_in_place_and_nothing_is_stored(
    dialog: SettingsDialog, session: Session, qtbot: QtBot
) -> None:
    field = dialog.findChild(QLineEdit, "cloud.monthly_cap_usd")
    assert field is not None

    qtbot.keyClicks(field, "lots")
    qtbot.keyClick(field, Qt.Key.Key_Return)

    told = [label.text() for label in dialog.findChildren(QLabel) if "must be a number" in label.text()]
    assert len(told) == 1
    assert not session.folder.config.exists()


def test_changes_made_while_one_is_written_follow_in_order(held: Session, kept: Keep) -> None:
    dialog = kept(SettingsDialog(held))
    background = held.background
    assert isinstance(background, HeldBackground)
    background.let_go()
    stored: list[object] = []
    dialog.setting_changed.connect(lambda key, value: stored.append((key, value)))

    for theme in ("light", "dark", "system", "dark"):
        dialog.writer.put("general.theme", theme)
    background.let_go()

    assert stored == [("general.theme", "light"), ("general.theme", "dark")]
    assert on_disk(held, "general.theme") == "dark"


def test_the_gui_thread_writes_nothing(
    threaded: Session, kept: Keep, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = kept(SettingsDialog(threaded))
    threads: list[str] = []
    save = threaded.settings.save

    def noted() -> None:
        threads.append(threading.current_thread().name)
        save()

    monkeypatch.setattr(threaded.settings, "save", noted)
    with qtbot.waitSignal(dialog.setting_changed):
        dialog.writer.put("general.theme", "dark")

    assert threads
    assert "MainThread" not in threads
    assert on_disk(threaded, "general.theme") == "dark"


def test_a_disk_that_refuses_is_told_in_place(
    dialog: SettingsDialog, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise StorageError("config.toml cannot be written.", "Look at its permissions.")

    monkeypatch.setattr(session.settings, "save", refuse)
    dialog.show()

    dialog.writer.put("general.theme", "dark")

    problem = dialog.findChild(QLabel, "settings_problem")
    assert problem is not None
    assert problem.isVisible()
    assert problem.text() == "config.toml cannot be written. Look at its permissions."


def test_the_months_spending_is_added_up(session: Session, kept: Keep) -> None:
    session.folder.home.mkdir(parents=True)
    ledger = Ledger(session.folder.ledger)
    ledger.add(Spending(datetime.now(UTC), "20260101-000000-0001", "qwen-image", 0.025))
    ledger.add(Spending(datetime(2001, 1, 1, tzinfo=UTC), "20010101-000000-0001", "qwen-image", 9))
    dialog = kept(SettingsDialog(session))
    label = dialog.findChild(QLabel, "month_spending")
    assert label.text() == "About $0.025 spent."

    dialog.writer.put("cloud.monthly_cap_usd", 10)

    assert label.text() == "About $0.025 of $10.00 spent."


def test_a_page_is_chosen_with_the_keyboard(dialog: SettingsDialog, qtbot: QtBot) -> None:
    dialog.show()
    tab = dialog.findChild(QWidget, "local_page_tab")
    assert tab is not None

    qtbot.keyClick(tab, Qt.Key.Key_Space)

    assert dialog.findChild(QWidget, "local_page").isVisible()
    dialog.show_page("cloud_page")
    assert dialog.findChild(QWidget, "cloud_page").isVisible()


def test_the_data_folder_is_opened(
    dialog: SettingsDialog, session: Session, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    button = dialog.findChild(QPushButton, "open_data")

    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    assert [url.toLocalFile() for url in opened] == [str(session.folder.home)]


def test_the_models_are_one_click_away(dialog: SettingsDialog, qtbot: QtBot) -> None:
    button = dialog.findChild(QPushButton, "manage_models_button")

    with qtbot.waitSignal(dialog.manage_models_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_it_can_be_used_in_a_small_window(dialog: SettingsDialog) -> None:
    dialog.show()

    assert dialog.width() <= 1000
    assert dialog.height() <= 600


def test_the_window_is_as_high_as_its_page_needs(session: Session, kept: Keep, qtbot: QtBot) -> None:
    dialog = kept(SettingsDialog(session))
    dialog.show()
    qtbot.waitExposed(dialog)
    heights: set[int] = set()
    for name in ("general_page", "local_page", "general_page", "cloud_page"):
        dialog.show_page(name)
        page = dialog.findChild(QWidget, name)
        area = next(each for each in dialog.findChildren(QScrollArea) if each.isVisible())
        qtbot.waitUntil(lambda area=area: area.verticalScrollBar().maximum() == 0 or dialog.height() >= 660)
        assert page.isVisible()
        heights.add(dialog.height())
    assert len(heights) == 3


@pytest.mark.usefixtures("appearance")
def test_fields_stay_where_they_are_when_a_page_begins_to_scroll(
    session: Session, kept: Keep, qtbot: QtBot
) -> None:
    dialog = kept(SettingsDialog(session))
    dialog.show_page("local_page")
    dialog.show()
    qtbot.waitExposed(dialog)
    page = dialog.findChild(QWidget, "local_page")
    area = next(each for each in dialog.findChildren(QScrollArea) if each.isVisible())
    helps = [label for label in page.findChildren(QLabel) if label.wordWrap() and label.isVisible()]

    def places() -> list[tuple[int, int]]:
        return [(label.x(), label.width()) for label in helps]

    bar = area.verticalScrollBar()
    dialog.resize(dialog.width(), dialog.minimumHeight() + 900)
    qtbot.waitUntil(lambda: not bar.isVisible())
    qtbot.wait(50)
    before = places()
    dialog.resize(dialog.width(), 400)
    qtbot.waitUntil(bar.isVisible)
    # Laid out anew a moment later, when the bar has its place.
    qtbot.waitUntil(lambda: places() == before)


def test_no_page_has_the_focus_at_first(session: Session, kept: Keep, qtbot: QtBot) -> None:
    dialog = kept(SettingsDialog(session))
    dialog.show()
    qtbot.waitExposed(dialog)
    dialog.activateWindow()
    qtbot.waitUntil(dialog.hasFocus)
    qtbot.keyClick(dialog, Qt.Key.Key_Tab)
    assert dialog.focusWidget().objectName() == "general_page_tab"
