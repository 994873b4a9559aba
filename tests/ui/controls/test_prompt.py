from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QListWidget, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.storage.prompt_history import PromptHistory
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.controls.prompt_edit import PromptEdit
from qie_desktop.ui.controls.prompt_history import PromptHistoryButton
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.session import Session
from tests.ui.controls.conftest import Show, find

PROMPTS = ["a fox in the snow", "sepia", "as if at night"]
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def history(session: Session) -> PromptHistory:
    history = PromptHistory(session.folder.prompts)
    for prompt in reversed(PROMPTS):
        history.add(prompt)
    return history


@pytest.fixture
def panel(show: Show, history: PromptHistory, ready: Session, draft: Draft) -> ControlsPanel:
    del history
    return show(ControlsPanel(ready, draft))


@pytest.fixture
def edit(panel: ControlsPanel) -> PromptEdit:
    edit = find(panel, "prompt_edit", PromptEdit)
    assert isinstance(edit, PromptEdit)
    panel.focus_prompt()
    return edit


@pytest.fixture
def popup(panel: ControlsPanel) -> QWidget:
    button = find(panel, "prompt_history", PromptHistoryButton)
    assert isinstance(button, PromptHistoryButton)
    button.click()
    return button.popup


def listed(popup: QWidget) -> list[str]:
    items = find(popup, "prompt_history_list", QListWidget)
    assert isinstance(items, QListWidget)
    return [items.item(row).text() for row in range(items.count())]


def test_what_is_typed_is_the_prompt_and_tab_leaves(edit: PromptEdit, draft: Draft) -> None:
    assert edit.hasFocus()
    QTest.keyClicks(edit, "warmer")
    assert draft.prompt == "warmer"
    QTest.keyClick(edit, Qt.Key.Key_Tab)
    assert draft.prompt == "warmer"
    assert not edit.hasFocus()


def test_a_prompt_from_elsewhere_is_shown_and_can_be_undone(edit: PromptEdit, draft: Draft) -> None:
    QTest.keyClicks(edit, "warmer")
    draft.set_prompt("colder")
    assert edit.toPlainText() == "colder"
    edit.undo()
    assert draft.prompt == "warmer"


def test_it_grows_with_its_lines_up_to_eight(edit: PromptEdit, draft: Draft) -> None:
    heights: dict[int, int] = {}
    for lines in (1, 3, 5, 8, 12):
        draft.set_prompt("\n".join("line" for _ in range(lines)))
        heights[lines] = edit.height()
    assert heights[1] == heights[3] < heights[5] < heights[8] == heights[12]
    assert heights[8] - heights[3] == 5 * edit.fontMetrics().lineSpacing()
    draft.set_prompt("")
    assert edit.height() == heights[1]


def test_long_lines_count_as_they_break(edit: PromptEdit, draft: Draft) -> None:
    low = edit.height()
    draft.set_prompt("a very long prompt that goes on " * 8)
    assert edit.height() > low


def test_the_run_keys_run_only_what_can_be_run(
    qtbot: QtBot, panel: ControlsPanel, edit: PromptEdit, draft: Draft, photo: Path
) -> None:
    with qtbot.assertNotEmitted(panel.run_requested):
        QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    draft.set_image(0, photo)
    QTest.keyClicks(edit, "sepia")
    with qtbot.waitSignal(panel.run_requested):
        QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert draft.prompt == "sepia"


def test_an_example_becomes_the_prompt_at_a_click(panel: ControlsPanel, draft: Draft) -> None:
    chips = find(panel, "prompt_examples").findChildren(QAbstractButton)
    chips[1].click()
    assert draft.prompt == draft.spec.examples[1]


def test_the_keys_step_through_earlier_prompts_and_back_to_what_was_typed(
    edit: PromptEdit, draft: Draft
) -> None:
    QTest.keyClicks(edit, "unsent")
    seen: list[str] = []
    for key in (Qt.Key.Key_Up,) * 4 + (Qt.Key.Key_Down,) * 4:
        QTest.keyClick(edit, key, ALT)
        seen.append(draft.prompt)
    assert seen == [*PROMPTS, PROMPTS[2], PROMPTS[1], PROMPTS[0], "unsent", "unsent"]


def test_stepping_back_begins_before_the_prompt_that_was_just_run(edit: PromptEdit, draft: Draft) -> None:
    draft.set_prompt(PROMPTS[0])
    QTest.keyClick(edit, Qt.Key.Key_Up, ALT)
    assert draft.prompt == PROMPTS[1]


def test_the_history_lists_the_newest_first_and_one_click_reuses(popup: QWidget, draft: Draft) -> None:
    assert popup.isVisible()
    assert listed(popup) == PROMPTS
    items = find(popup, "prompt_history_list", QListWidget)
    assert isinstance(items, QListWidget)
    centre = items.visualItemRect(items.item(1)).center()
    QTest.mouseClick(items.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, centre)
    assert draft.prompt == "sepia"
    assert not popup.isVisible()


def test_the_filter_finds_words_in_any_order_and_return_takes_the_first(popup: QWidget, draft: Draft) -> None:
    field = find(popup, "prompt_history_filter", QLineEdit)
    QTest.keyClicks(field, "SNOW fox")
    assert listed(popup) == ["a fox in the snow"]
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert draft.prompt == "a fox in the snow"


def test_the_history_is_walked_by_keys_alone(popup: QWidget, draft: Draft) -> None:
    QTest.keyClick(find(popup, "prompt_history_filter"), Qt.Key.Key_Down)
    items = find(popup, "prompt_history_list")
    QTest.keyClick(items, Qt.Key.Key_Down)
    QTest.keyClick(items, Qt.Key.Key_Return)
    assert draft.prompt == "sepia"


def test_clearing_forgets_them_on_disk_too(popup: QWidget, history: PromptHistory) -> None:
    button = find(popup, "prompt_history_clear", QAbstractButton)
    assert isinstance(button, QAbstractButton)
    button.click()
    assert listed(popup) == []
    assert history.list() == []
    assert not button.isEnabled()
    popup.close()


def test_a_prompt_that_was_run_is_in_the_history_at_once(
    panel: ControlsPanel, ready: Session, make: object, popup: QWidget
) -> None:
    del panel
    job = make(prompt="add a vignette")  # type: ignore[operator]
    ready.jobs.begin(job)  # type: ignore[attr-defined]
    assert listed(popup) == ["add a vignette", *PROMPTS]
    popup.close()
