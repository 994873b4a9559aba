from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.machine import this_machine
from qie_desktop.engines.local.hub.cache import RepoCache
from qie_desktop.services.downloads import Downloads
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.first_run import FirstRunSheet

Keep = Callable[[Any], Any]

MODEL = find_model("qwen-image-edit-2509-gguf")

CARD_BUTTONS = ("starter_button", "local_button", "token_button")
SIGNALS = ("starter_chosen", "local_chosen", "token_chosen", "skipped")


@pytest.fixture
def sheet(session: Session, kept: Keep) -> FirstRunSheet:
    sheet = kept(FirstRunSheet(session))
    sheet.show()
    return sheet


def note(told: list[str], name: str, *_what: object) -> None:
    told.append(name)


@pytest.fixture
def told(sheet: FirstRunSheet) -> list[str]:
    told: list[str] = []
    for name in SIGNALS:
        getattr(sheet, name).connect(partial(note, told, name))
    return told


@pytest.mark.parametrize(
    ("button", "signal"),
    [
        ("starter_button", "starter_chosen"),
        ("local_button", "local_chosen"),
        ("token_button", "token_chosen"),
        ("skip_button", "skipped"),
    ],
)
def test_each_choice_is_told_once_and_closes_the_sheet(
    sheet: FirstRunSheet, told: list[str], qtbot: QtBot, button: str, signal: str
) -> None:
    qtbot.mouseClick(sheet.findChild(QPushButton, button), Qt.MouseButton.LeftButton)

    assert told == [signal]
    assert not sheet.isVisible()


def test_the_sheet_fits_over_the_smallest_window_whatever_the_screen(sheet: FirstRunSheet) -> None:
    smallest_window = 1000
    assert sheet.maximumWidth() < smallest_window


def test_escape_skips(sheet: FirstRunSheet, told: list[str], qtbot: QtBot) -> None:
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)

    assert told == ["skipped"]


def test_closing_the_window_skips(sheet: FirstRunSheet, told: list[str]) -> None:
    sheet.close()

    assert told == ["skipped"]


def test_return_starts(sheet: FirstRunSheet, told: list[str], qtbot: QtBot) -> None:
    qtbot.keyClick(sheet, Qt.Key.Key_Return)

    assert told == ["starter_chosen"]


def test_buttons_of_the_cards_stand_on_one_line(open_window: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_window()
    window.dialogs.welcome()
    sheet = window.findChild(FirstRunSheet)
    assert sheet is not None
    qtbot.waitUntil(lambda: "Looking" not in sheet.findChild(QLabel, "local_button_fact").text())
    buttons = [sheet.findChild(QPushButton, name) for name in CARD_BUTTONS]
    assert len({button.mapTo(sheet, QPoint()).y() for button in buttons}) == 1
    assert len({button.height() for button in buttons}) == 1


@pytest.mark.parametrize(
    ("memory_gb", "said", "button"),
    [
        (8, f"Too large for {this_machine()}", "See Models…"),
        (24, f"22.2 GB · Fits {this_machine()}", "Download"),
        (64, f"32.7 GB · Fits {this_machine()}", "Download"),
    ],
)
def test_the_local_card_tells_size_and_fit(
    session: Session, kept: Keep, monkeypatch: pytest.MonkeyPatch, memory_gb: int, said: str, button: str
) -> None:
    import psutil

    session.settings.set("local.device", "mps")
    memory = psutil.virtual_memory()._replace(total=memory_gb * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    # No machine of a test has to have so much room on its disk.
    monkeypatch.setattr("shutil.disk_usage", lambda _path: shutil._ntuple_diskusage(10**12, 0, 10**12))

    sheet = kept(FirstRunSheet(session))

    assert sheet.findChild(QLabel, "local_button_fact").text() == said
    assert sheet.findChild(QPushButton, "local_button").text() == button


def test_the_local_card_says_that_the_disk_is_too_full(
    session: Session, kept: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.settings.set("local.device", "mps")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: shutil._ntuple_diskusage(10**12, 0, 5 * 10**9))

    sheet = kept(FirstRunSheet(session))

    assert "to download, 5.0 GB free on the disk" in sheet.findChild(QLabel, "local_button_fact").text()
    assert sheet.findChild(QPushButton, "local_button").text() == "See Models…"


def test_what_is_here_already_is_not_downloaded(session: Session, kept: Keep) -> None:
    for part in Downloads(session.folder, session.settings).parts(MODEL):
        snapshot = RepoCache(session.folder.hub_cache, part.part.repo).snapshot("abc")
        for pattern in part.part.patterns:
            path = snapshot / pattern.replace("*", "model")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"" if not path.name.endswith(".json") else b'{"weight_map": {}}')

    sheet = kept(FirstRunSheet(session))

    assert sheet.findChild(QLabel, "local_button_fact").text() == "Its files are here already"
    assert sheet.findChild(QPushButton, "local_button").text() == "Start"


def test_no_text_is_cut_off(sheet: FirstRunSheet) -> None:
    for label in sheet.findChildren(QLabel):
        if label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()


def test_the_keyboard_reaches_every_choice(sheet: FirstRunSheet, qtbot: QtBot) -> None:
    reached: set[str] = set()
    for _ in range(6):
        focused = sheet.focusWidget()
        reached.add(focused.objectName() if focused else "")
        qtbot.keyClick(sheet, Qt.Key.Key_Tab)

    assert {"starter_button", "local_button", "token_button", "skip_button"} <= reached
