from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE, find_model
from qie_desktop.core.job import Job
from qie_desktop.core.machine import this_machine
from qie_desktop.core.memory_plan import GB
from qie_desktop.core.parameters import MAX_SEED
from qie_desktop.ui.controls.memory_notes import memory_notes
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.controls.segments import Segments
from qie_desktop.ui.controls.steady_boxes import SteadyComboBox, SteadyDoubleSpinBox, SteadySpinBox
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.session import Session
from tests.ui.controls.conftest import find

LOCAL = "qwen-image-edit-2509-gguf"


def opened(panel: ControlsPanel, draft: Draft, model_id: str) -> ControlsPanel:
    draft.set_model(model_id)
    toggle = find(panel, "more_options_toggle", QAbstractButton)
    assert isinstance(toggle, QAbstractButton)
    toggle.click()
    return panel


def option(panel: ControlsPanel, name: str, kind: type[QWidget]) -> QWidget:
    return find(panel, f"option_{name}", kind)


def test_the_triangle_opens_by_click_and_by_the_keys_of_lists(panel: ControlsPanel) -> None:
    toggle, content = find(panel, "more_options_toggle"), find(panel, "more_options_content")
    assert not content.isVisible()
    QTest.mouseClick(toggle, Qt.MouseButton.LeftButton)
    assert content.isVisible()
    QTest.keyClick(toggle, Qt.Key.Key_Left)
    assert not content.isVisible()
    QTest.keyClick(toggle, Qt.Key.Key_Right)
    assert content.isVisible()


def test_each_editor_changes_its_value(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, "qwen-image")
    option(panel, "steps", QSpinBox).setValue(12)  # type: ignore[attr-defined]
    option(panel, "guidance", QDoubleSpinBox).setValue(4.5)  # type: ignore[attr-defined]
    QTest.keyClicks(option(panel, "negative_prompt", QLineEdit), "blur")
    QTest.mouseClick(
        option(panel, "enhance_prompt", QCheckBox),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QPoint(10, 10),
    )
    segments = option(panel, "image_size", Segments)
    segments.button("optimize_for_speed").click()  # type: ignore[attr-defined]
    assert draft.given == {
        "steps": 12,
        "guidance": 4.5,
        "negative_prompt": "blur",
        "enhance_prompt": True,
        "image_size": "optimize_for_speed",
    }


def test_quality_brings_its_own_steps_and_guidance(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, LOCAL)
    quality = option(panel, "quality", QComboBox)
    assert isinstance(quality, QComboBox)
    shown: dict[str, tuple[int, float]] = {}
    for index in range(quality.count()):
        quality.setCurrentIndex(index)
        quality.activated.emit(index)
        steps, guidance = option(panel, "steps", QSpinBox), option(panel, "guidance", QDoubleSpinBox)
        shown[str(quality.currentData())] = (steps.value(), guidance.value())  # type: ignore[attr-defined]
    assert shown == {"lightning-4": (4, 1.0), "lightning-8": (8, 1.0), "full": (40, 4.0)}
    assert draft.given == {"quality": "full"}


def test_a_parameter_appears_with_the_choice_that_it_belongs_to(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, "seedream-4")
    assert not panel.findChildren(QSpinBox, "option_count")
    series = option(panel, "sequential_image_generation", Segments)
    series.button("auto").click()  # type: ignore[attr-defined]
    count = option(panel, "count", QSpinBox)
    assert isinstance(count, QSpinBox)
    assert count.isVisible()
    assert (count.minimum(), count.maximum()) == (1, 15)


@pytest.mark.parametrize("spec", CATALOGUE, ids=[spec.id for spec in CATALOGUE])
def test_every_editor_has_its_label_help_and_bounds(panel: ControlsPanel, draft: Draft, spec: object) -> None:
    opened(panel, draft, spec.id)  # type: ignore[attr-defined]
    editors = find(panel, "more_options").editors  # type: ignore[attr-defined]
    labels = {label.text() for label in panel.findChildren(QLabel) if label.isVisible()}
    for name, editor in editors.items():
        parameter = draft.spec.parameter(name)
        assert parameter is not None
        assert editor.widget.toolTip() == parameter.help
        assert editor.widget.accessibleName() == parameter.label
        assert isinstance(editor.widget, QCheckBox) or parameter.label in labels
        if isinstance(editor.widget, (QSpinBox, QDoubleSpinBox)):
            assert (editor.widget.minimum(), editor.widget.maximum()) == (
                parameter.minimum,
                parameter.maximum,
            )


def test_an_emptied_text_is_the_default_again(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, "qwen-image")
    line = option(panel, "negative_prompt", QLineEdit)
    QTest.keyClicks(line, "a b ")
    assert line.text() == "a b "  # type: ignore[attr-defined]
    for _ in range(4):
        QTest.keyClick(line, Qt.Key.Key_Backspace)
    assert "negative_prompt" not in draft.given


def test_reset_goes_back_to_the_defaults_of_this_model_alone(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, "qwen-image")
    draft.set_value("steps", 12)
    draft.set_model("starter")
    reset = find(panel, "reset_options", QAbstractButton)
    assert isinstance(reset, QAbstractButton)
    assert not reset.isEnabled()
    draft.set_value("steps", 9)
    reset.click()
    assert draft.given == {}
    assert option(panel, "steps", QSpinBox).value() == 1  # type: ignore[attr-defined]
    assert not reset.isEnabled()
    draft.set_model("qwen-image")
    assert draft.given == {"steps": 12}


def seed_parts(panel: ControlsPanel) -> tuple[QLineEdit, QAbstractButton, QAbstractButton]:
    line = find(panel, "seed_edit", QLineEdit)
    dice, lock = find(panel, "seed_dice", QAbstractButton), find(panel, "seed_lock", QAbstractButton)
    assert isinstance(line, QLineEdit)
    assert isinstance(dice, QAbstractButton)
    assert isinstance(lock, QAbstractButton)
    return line, dice, lock


def test_a_seed_is_left_to_chance_until_the_dice_draw_one(panel: ControlsPanel, draft: Draft) -> None:
    line, dice, lock = seed_parts(opened(panel, draft, "starter"))
    assert line.text() == ""
    assert not lock.isChecked()
    dice.click()
    first = draft.given["seed"]
    assert line.text() == str(first)
    assert lock.isChecked()
    dice.click()
    assert draft.given["seed"] != first
    lock.click()
    assert "seed" not in draft.given
    assert line.text() == ""


def test_the_lock_keeps_the_seed_of_the_last_run(
    panel: ControlsPanel, draft: Draft, ready: Session, make: Callable[..., Job]
) -> None:
    _, _, lock = seed_parts(opened(panel, draft, "starter"))
    job = make()
    ready.jobs.begin(job)  # type: ignore[attr-defined]
    lock.click()
    assert draft.given["seed"] == job.request.seed


def test_a_seed_can_be_typed_and_is_bounded(panel: ControlsPanel, draft: Draft) -> None:
    line, _, _ = seed_parts(opened(panel, draft, "starter"))
    line.setFocus()
    QTest.keyClicks(line, "12a34")
    assert draft.given["seed"] == 1234
    line.clear()
    QTest.keyClicks(line, "9999999999")
    assert draft.given["seed"] == MAX_SEED
    for _ in range(10):
        QTest.keyClick(line, Qt.Key.Key_Backspace)
    assert "seed" not in draft.given


@pytest.mark.parametrize(
    ("total_gb", "words"),
    [
        (8, {"too large"}),
        (16, {f"fits {this_machine()}", "tight", "too large"}),
        (64, {f"fits {this_machine()}"}),
    ],
)
def test_quantisations_are_told_by_how_they_sit_in_the_memory(total_gb: int, words: set[str]) -> None:
    spec = find_model(LOCAL)
    parameter = spec.parameter("quantisation")
    assert parameter is not None
    notes = memory_notes(spec, parameter, "mps", total_gb * GB)
    assert set(notes) == {choice.value for choice in parameter.choices}
    assert set(notes.values()) == words


def test_the_notes_stand_in_the_list_of_quantisations(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, LOCAL)
    box = option(panel, "quantisation", QComboBox)
    assert isinstance(box, QComboBox)
    texts = [box.itemText(index) for index in range(box.count())]
    assert all(text.endswith((f"fits {this_machine()}", "tight", "too large")) for text in texts)


def test_the_settings_say_where_the_quantisation_begins_until_another_is_chosen(
    panel: ControlsPanel, draft: Draft, ready: Session
) -> None:
    ready.settings.set("local.quantisation", "Q4_K_M")
    opened(panel, draft, LOCAL)
    box = option(panel, "quantisation", QComboBox)
    assert isinstance(box, QComboBox)
    assert box.currentData() == "Q4_K_M"
    assert draft.values()["quantisation"] == "Q4_K_M"
    ready.settings.set("local.quantisation", "Q2_K")
    panel.refresh()
    assert draft.values()["quantisation"] == "Q2_K"
    draft.set_value("quantisation", "Q8_0")
    ready.settings.set("local.quantisation", "Q4_K_M")
    panel.refresh()
    assert draft.values()["quantisation"] == "Q8_0"
    reset = find(panel, "reset_options", QAbstractButton)
    assert isinstance(reset, QAbstractButton)
    reset.click()
    assert draft.values()["quantisation"] == "Q4_K_M"
    assert not reset.isEnabled()


def test_the_wheel_passes_over_numbers_that_do_not_have_the_focus(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, "starter")
    box = option(panel, "steps", QSpinBox)
    panel.focus_prompt()
    wheel = QWheelEvent(
        QPointF(10, 10),
        QPointF(box.mapToGlobal(QPoint(10, 10))),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, wheel)
    assert draft.given == {}


@pytest.mark.parametrize("kind", [SteadySpinBox, SteadyDoubleSpinBox, SteadyComboBox])
def test_a_box_turns_by_the_wheel_only_while_it_has_the_focus(
    qtbot: QtBot, kind: type[SteadySpinBox | SteadyDoubleSpinBox | SteadyComboBox]
) -> None:
    box = kind()
    if isinstance(box, SteadyComboBox):
        box.addItems(["a", "b", "c"])
        box.setCurrentIndex(1)
    window = QWidget()
    qtbot.addWidget(window)
    box.setParent(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()

    def shown() -> object:
        return box.currentIndex() if isinstance(box, SteadyComboBox) else box.value()

    def turn() -> bool:
        wheel = QWheelEvent(
            QPointF(5, 5),
            QPointF(box.mapToGlobal(QPoint(5, 5))),
            QPoint(0, 0),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, wheel)
        return wheel.isAccepted()

    before = shown()
    box.clearFocus()
    assert not turn()
    assert shown() == before
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    assert turn()
    assert shown() != before


def test_a_number_keeps_the_focus_while_it_is_being_typed(panel: ControlsPanel, draft: Draft) -> None:
    opened(panel, draft, "seedream-4")
    draft.set_value("size", "custom")
    box = option(panel, "width", QSpinBox)
    assert isinstance(box, QSpinBox)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "3000")
    assert draft.given["width"] == 3000
    assert box.hasFocus()
