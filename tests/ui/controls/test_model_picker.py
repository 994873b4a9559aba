from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPushButton, QScrollArea
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import CredentialsMissing, ModelNotInstalled, QieError
from qie_desktop.core.machine import this_machine
from qie_desktop.core.model import HubWeights, ModelKind, ModelSpec, Place
from qie_desktop.core.request import Request
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.controls.model_popup import ModelPopup
from qie_desktop.ui.controls.model_row import ModelRow
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.session import Session
from tests.ui.controls.conftest import Show, find


def fresh_machine(spec: ModelSpec, request: Request | None) -> QieError | None:
    del request
    if spec.place is Place.CLOUD:
        return CredentialsMissing(f"{spec.name} needs a Replicate token.", "Add one.")
    if spec.local is not None and isinstance(spec.local.weights, HubWeights):
        return ModelNotInstalled(f"{spec.name} is not downloaded.", "Download it.")
    return None


@pytest.fixture
def panel(show: Show, session: Session, draft: Draft) -> ControlsPanel:
    return show(ControlsPanel(replace(session, readiness=fresh_machine), draft))


@pytest.fixture
def popup(panel: ControlsPanel) -> Iterator[ModelPopup]:
    button = find(panel, "model_picker", QAbstractButton)
    assert isinstance(button, QAbstractButton)
    button.click()
    popup = panel.findChild(ModelPopup, "model_list")
    assert popup is not None
    yield popup
    popup.close()


def row(popup: ModelPopup, model_id: str) -> ModelRow:
    return next(row for row in popup.rows if row.spec.id == model_id)


def test_models_are_grouped_by_what_they_do_in_the_order_of_the_catalogue(popup: ModelPopup) -> None:
    order = [spec.id for kind in ModelKind for spec in CATALOGUE if spec.kind is kind]
    assert [row.spec.id for row in popup.rows] == order
    headings = [label for label in popup.findChildren(QLabel) if label.isVisible()]
    assert [label.text() for label in headings] == ["Edit", "Generate", "Hybrid"]
    for kind, heading in zip(ModelKind, headings, strict=True):
        first = next(row for row in popup.rows if row.spec.kind is kind)
        assert heading.y() < first.y()
    tops = [row.y() for row in popup.rows]
    assert tops == sorted(tops)


def test_a_row_reads_out_place_price_time_and_what_is_in_the_way(popup: ModelPopup) -> None:
    assert row(popup, "qwen-image").accessibleName() == (
        "Qwen-Image, in the cloud, $0.025, 20–40 s, needs a Replicate token"
    )
    assert row(popup, "starter").accessibleName() == f"Starter, on {this_machine()}, free, 2–10 s"
    assert "not downloaded" in row(popup, "qwen-image-edit-2509-gguf").accessibleName()


@pytest.mark.parametrize(
    ("model_id", "words", "code"),
    [
        ("qwen-image", "Add Token…", "credentials_missing"),
        ("qwen-image-edit-2509-gguf", "Download…", "model_not_installed"),
    ],
)
def test_what_is_in_the_way_is_mended_with_one_click(
    qtbot: QtBot, panel: ControlsPanel, popup: ModelPopup, draft: Draft, model_id: str, words: str, code: str
) -> None:
    fix = find(row(popup, model_id), f"model_{model_id}_fix", QAbstractButton)
    assert isinstance(fix, QAbstractButton)
    assert fix.text() == words
    with qtbot.waitSignal(panel.help_requested) as caught:
        QTest.mouseClick(fix, Qt.MouseButton.LeftButton)
    assert caught.args == [code]
    assert not popup.isVisible()
    assert draft.spec.id == "starter"


def test_a_ready_model_has_nothing_to_mend(popup: ModelPopup) -> None:
    assert not find(row(popup, "starter"), "model_starter_fix").isVisible()


def test_a_click_chooses_even_a_model_that_is_not_ready(
    panel: ControlsPanel, popup: ModelPopup, draft: Draft
) -> None:
    QTest.mouseClick(row(popup, "seedream-4"), Qt.MouseButton.LeftButton)
    assert draft.spec.id == "seedream-4"
    assert not popup.isVisible()
    summary = find(panel, "model_summary", QLabel)
    assert isinstance(summary, QLabel)
    assert summary.text() == "Hybrid · in the cloud · $0.03 an image"


def test_what_the_starter_is_not_is_said_and_of_others_nothing(panel: ControlsPanel, draft: Draft) -> None:
    note = find(panel, "model_note", QLabel)
    assert isinstance(note, QLabel)
    assert note.isVisible()
    assert note.text() == (
        "A small model for quick looks; for real edits download the local model or use the cloud."
    )
    draft.set_model("qwen-image-edit")
    assert not note.isVisible()


def test_the_list_is_walked_by_keys(panel: ControlsPanel, draft: Draft) -> None:
    button = find(panel, "model_picker")
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Down)
    popup = panel.findChild(ModelPopup, "model_list")
    assert popup is not None
    assert popup.isVisible()
    starter = row(popup, "starter")
    assert starter.isChecked()
    assert starter.hasFocus()
    QTest.keyClick(starter, Qt.Key.Key_Down)
    following = popup.rows[popup.rows.index(starter) + 1]
    assert following.hasFocus()
    assert draft.spec.id == "starter"
    QTest.keyClick(following, Qt.Key.Key_Tab)
    focused = QApplication.focusWidget()
    assert focused is not None
    assert focused.objectName() == f"model_{following.spec.id}_fix"
    following.setFocus()
    QTest.keyClick(following, Qt.Key.Key_Return)
    assert draft.spec.id == following.spec.id
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert popup.isVisible()
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    assert not popup.isVisible()
    assert draft.spec.id == following.spec.id


def test_readiness_is_never_asked_on_the_gui_thread(
    qtbot: QtBot, show: Show, session: Session, draft: Draft, pool: BackgroundPool
) -> None:
    threads: set[threading.Thread] = set()

    def readiness(spec: ModelSpec, request: Request | None) -> QieError | None:
        threads.add(threading.current_thread())
        return fresh_machine(spec, request)

    panel = show(ControlsPanel(replace(session, background=pool, readiness=readiness), draft))
    draft.set_model("qwen-image")
    fix = find(panel, "run_fix", QAbstractButton)
    qtbot.waitUntil(fix.isVisible)
    assert threads
    assert threading.main_thread() not in threads


def test_it_is_as_high_where_the_controls_need_more_room_than_there_is(
    open_window: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    window = open_window()
    window.draft.set_prompt("a fox")
    button = window.findChild(QPushButton, "model_picker")
    assert button is not None
    roomy = button.height()
    window.draft.set_model("seedream-4")
    window.resize(window.minimumSize())
    area = window.controls.findChild(QScrollArea)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    assert button.height() == roomy == 30
