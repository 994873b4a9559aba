from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QObject, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import DiskFull
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.viewer.panel import LEAST_WIDTH

OpenWindow = Callable[..., MainWindow]

NAMES = (
    "model_picker",
    "image_slots",
    "slot_0",
    "prompt_edit",
    "prompt_history",
    "aspect_ratio",
    "more_options",
    "run_button",
    "estimate_label",
    "viewer",
    "compare_toggle",
    "progress_bar",
    "progress_label",
    "cancel_button",
    "message_bar",
    "gallery",
    "gallery_search",
)


def test_every_named_widget_is_there(open_window: OpenWindow) -> None:
    window = open_window()
    missing = [name for name in NAMES if window.findChild(QObject, name) is None]
    assert missing == []


def test_actions_follow_what_is_shown(qtbot: QtBot, open_window: OpenWindow, photo: Path) -> None:
    window = open_window()
    actions = window.actions_table
    assert not actions["run"].isEnabled()
    assert not actions["cancel"].isEnabled()
    assert not actions["fit"].isEnabled()
    window.open_files([photo])
    qtbot.waitUntil(lambda: window.draft.image_count == 1)
    window.draft.set_prompt("sepia")
    assert actions["run"].isEnabled()
    assert actions["fit"].isEnabled()
    assert not actions["save_as"].isEnabled()


def test_panes_are_hidden_and_shown_and_the_menu_says_so(open_window: OpenWindow) -> None:
    window = open_window()
    action = window.actions_table["hide_controls"]
    assert (action.text(), window.controls.isVisible()) == ("Hide Controls", True)
    action.trigger()
    assert (action.text(), window.controls.isVisible()) == ("Show Controls", False)
    action.trigger()
    assert window.controls.isVisible()


def test_window_remembers_its_panes_and_its_model(qtbot: QtBot, open_window: OpenWindow) -> None:
    first = open_window()
    first.resize(900, 611)
    first.toggle_gallery()
    first.draft.set_model("seedream-4")
    with qtbot.waitSignal(first.closed):
        first.close()
    assert first.shut_down(5)
    second = open_window()
    assert second.height() == 611
    assert second.gallery.isHidden()
    assert second.draft.spec.id == "seedream-4"


def test_viewer_keeps_its_room_in_the_smallest_window(qtbot: QtBot, open_window: OpenWindow) -> None:
    window = open_window()
    window.resize(window.minimumSize())
    window.panes.setSizes([window.width(), 1, window.width()])
    assert window.viewer.width() >= LEAST_WIDTH
    qtbot.waitUntil(lambda: window.gallery.geometry().right() < window.width())


def test_zoom_is_told_only_while_a_picture_is_shown(
    qtbot: QtBot, open_window: OpenWindow, photo: Path
) -> None:
    window = open_window()
    zoom = window.findChild(QToolButton, "zoom_label")
    assert zoom.text() == "–"
    for _ in range(2):
        window.open_files([photo])
        qtbot.waitUntil(lambda: zoom.text().removesuffix("%").isdigit())
        window.draft.set_image(0, None)
        qtbot.waitUntil(lambda: zoom.text() == "–")


def test_picture_can_be_zoomed_although_the_model_takes_none(
    qtbot: QtBot, open_window: OpenWindow, photo: Path
) -> None:
    window = open_window([photo])
    qtbot.waitUntil(lambda: window.draft.image_count == 1)
    window.draft.set_model("hunyuan-image-3")
    assert window.viewer.shows_something()
    assert window.actions_table["fit"].isEnabled()
    qtbot.waitUntil(lambda: window.findChild(QToolButton, "zoom_label").text().endswith("%"))


def test_quick_switch_changes_the_model_and_is_checked(open_window: OpenWindow) -> None:
    window = open_window()
    action = window.actions_table["model:qwen-image"]
    assert action.shortcut().toString() == "Ctrl+5"
    action.trigger()
    assert window.draft.spec.id == "qwen-image"
    assert action.isChecked()
    assert not window.actions_table["model:starter"].isChecked()


def test_drop_on_the_window_fills_a_slot(qtbot: QtBot, open_window: OpenWindow, photo: Path) -> None:
    window = open_window()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(photo))])
    enter = QDragEnterEvent(
        window.rect().center(),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    drop = QDropEvent(
        QPointF(window.rect().center()),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, drop)
    qtbot.waitUntil(lambda: window.draft.images[0] is not None)


def test_jobs_of_a_killed_program_are_told_as_interrupted(
    qtbot: QtBot, open_window: OpenWindow, make: Callable[..., Job], store: JobStore
) -> None:
    job = make()
    store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: window.session.store.load(job.job_id).state is JobState.INTERRUPTED)
    qtbot.waitUntil(lambda: window.gallery.model.rowCount() == 1)
    assert window.machinery.runner.active() == ()


def test_crash_is_told_calmly_and_can_be_copied(open_window: OpenWindow) -> None:
    window = open_window()
    window.show_crash("Qwen Image Editor 0.1\n\nZeroDivisionError: division by zero")
    bar = window.findChild(QObject, "message_bar")
    texts = [label.text() for label in bar.findChildren(QLabel)]
    assert any("not foreseen" in text for text in texts)
    assert any("ZeroDivisionError" in text for text in texts)


def test_failed_background_work_reaches_the_message_bar(qtbot: QtBot, open_window: OpenWindow) -> None:
    window = open_window()

    def work() -> None:
        raise DiskFull("The disk is full.", "Make room.")

    window.session.background.run(work, lambda _: None)
    bar = window.findChild(QObject, "message_bar")
    qtbot.waitUntil(lambda: any("disk is full" in label.text() for label in bar.findChildren(QLabel)))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("credentials_missing", "token_sheet"),
        ("model_not_installed", "manage_models"),
        ("checkpoint_damaged", "manage_models"),
        ("out_of_memory", "settings"),
        ("bad_setting", "settings"),
        ("image_damaged", "open_panel"),
    ],
)
def test_help_with_an_error_opens_what_helps(
    qtbot: QtBot, open_window: OpenWindow, code: str, name: str
) -> None:
    window = open_window()
    window.viewer.help_requested.emit(code)
    qtbot.waitUntil(lambda: len(window.findChildren(QDialog, name)) == 1)
    dialog = window.findChild(QDialog, name)
    assert dialog.isVisible()
    dialog.reject()
    qtbot.waitUntil(lambda: window.findChild(QDialog, name) is None)


@pytest.mark.parametrize(
    ("action_id", "name"),
    [("settings", "settings"), ("manage_models", "manage_models"), ("about", "about")],
)
def test_dialog_of_a_menu_is_opened_once(
    qtbot: QtBot, open_window: OpenWindow, action_id: str, name: str
) -> None:
    window = open_window()
    window.actions_table[action_id].trigger()
    window.actions_table[action_id].trigger()
    [dialog] = window.findChildren(QDialog, name)
    assert dialog.isVisible()
    dialog.close()
    qtbot.waitUntil(lambda: window.findChild(QDialog, name) is None)


def test_welcome_with_the_starter_sets_everything_up_to_run(qtbot: QtBot, open_window: OpenWindow) -> None:
    window = open_window()
    window.draft.set_model("seedream-4")
    window.dialogs.welcome()
    window.findChild(QPushButton, "starter_button").click()
    qtbot.waitUntil(lambda: window.draft.image_count == 1)
    assert window.draft.spec.id == "starter"
    assert window.draft.problem() is None


def test_theme_of_the_settings_takes_effect_at_once(open_window: OpenWindow) -> None:
    window = open_window()
    window.dialogs.setting_changed.emit("general.theme", "dark")
    dark = window.palette().window().color()
    assert dark.lightness() < 100
    window.dialogs.setting_changed.emit("general.theme", "light")
    assert window.palette().window().color().lightness() > 150
