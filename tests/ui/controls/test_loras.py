"""The person's LoRA files in the options: chosen, weighted, added, gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QPushButton,
)
from pytestqt.qtbot import QtBot

from qie_desktop.core.request import build_request
from qie_desktop.ui.controls.lora_list import LoraList
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.session import Session
from tests.support.tiny_loras import write_lora
from tests.ui.controls.conftest import Show, find

LOCAL = "qwen-image-edit-2509-gguf"


@pytest.fixture
def loras(session: Session) -> Path:
    """The folder with two files in it, one that is Lightning's, and some that are none."""
    folder = session.folder.loras
    for name in ("ink & wash", "Style", "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16"):
        write_lora(folder / f"{name}.safetensors", rank=1)
    (folder / "notes.txt").write_text("no LoRA")
    (folder / "folder.safetensors").mkdir()
    return folder


@pytest.fixture
def opened(panel: ControlsPanel, draft: Draft) -> ControlsPanel:
    return open_options(panel, draft)


def open_options(panel: ControlsPanel, draft: Draft) -> ControlsPanel:
    draft.set_model(LOCAL)
    toggle = find(panel, "more_options_toggle", QAbstractButton)
    assert isinstance(toggle, QAbstractButton)
    toggle.click()
    return panel


def check(panel: ControlsPanel, name: str) -> QCheckBox:
    box = find(panel, f"lora_{name}.safetensors", QCheckBox)
    assert isinstance(box, QCheckBox)
    return box


def strength(panel: ControlsPanel, name: str) -> QDoubleSpinBox:
    box = find(panel, f"strength_{name}.safetensors", QDoubleSpinBox)
    assert isinstance(box, QDoubleSpinBox)
    return box


def shown_list(panel: ControlsPanel) -> LoraList:
    found = find(panel, "option_loras", LoraList)
    assert isinstance(found, LoraList)
    return found


def note(panel: ControlsPanel) -> QLabel:
    label = find(panel, "lora_note", QLabel)
    assert isinstance(label, QLabel)
    return label


def test_without_files_the_list_says_what_they_are_and_adds_one(opened: ControlsPanel) -> None:
    assert not opened.findChildren(QDoubleSpinBox, "strength_style.safetensors")
    assert note(opened).isVisible()
    assert note(opened).text().startswith("None yet")
    assert find(opened, "lora_add", QPushButton).isVisible()


def test_files_are_chosen_in_their_order_with_a_strength(
    loras: Path, opened: ControlsPanel, draft: Draft
) -> None:
    del loras
    names = [box.objectName() for box in shown_list(opened).findChildren(QCheckBox)]
    assert names == ["lora_ink & wash.safetensors", "lora_Style.safetensors"]
    assert not note(opened).isVisible()
    assert not strength(opened, "Style").isEnabled()

    check(opened, "Style").click()
    check(opened, "ink & wash").click()
    strength(opened, "ink & wash").setValue(0.35)

    assert draft.given == {"loras": "Style.safetensors:1; ink & wash.safetensors:0.35"}
    check(opened, "Style").click()
    assert draft.given == {"loras": "ink & wash.safetensors:0.35"}
    check(opened, "ink & wash").click()
    assert draft.given == {}
    assert strength(opened, "ink & wash").value() == 0.35


def test_what_is_chosen_is_what_the_request_holds(
    loras: Path, opened: ControlsPanel, draft: Draft, tmp_path: Path
) -> None:
    del loras, opened
    draft.load(build_request(LOCAL, "warmer", [tmp_path / "a.png"], {"loras": "Style:-1.5"}))
    assert draft.request().value("loras") == "Style.safetensors:-1.5"


def test_a_request_with_a_file_that_is_gone_shows_it_as_missing(
    loras: Path, opened: ControlsPanel, draft: Draft, tmp_path: Path
) -> None:
    draft.load(build_request(LOCAL, "warmer", [tmp_path / "a.png"], {"loras": "gone:0.5; Style:2"}))

    assert check(opened, "gone").isChecked()
    assert "not in the folder" in check(opened, "gone").accessibleName()
    assert [box.isChecked() for box in shown_list(opened).findChildren(QCheckBox)] == [False, True, True]
    assert strength(opened, "Style").value() == 2
    check(opened, "gone").click()
    assert draft.given["loras"] == "Style.safetensors:2"
    write_lora(loras / "gone.safetensors", rank=1)
    shown_list(opened).refresh()
    assert check(opened, "gone").accessibleName() == "gone"


def test_a_file_that_is_added_is_taken_in_and_chosen(
    opened: ControlsPanel, draft: Draft, session: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    file = write_lora(tmp_path / "elsewhere" / "pastel.safetensors", rank=1)
    QTest.mouseClick(find(opened, "lora_add", QPushButton), Qt.MouseButton.LeftButton)
    dialog = opened.window().findChild(QFileDialog, "lora_panel")
    assert isinstance(dialog, QFileDialog)
    assert not dialog.testAttribute(Qt.WidgetAttribute.WA_ShowModal) or dialog.isVisible()

    dialog.fileSelected.emit(str(file))
    dialog.close()
    qtbot.wait(1)

    assert draft.given == {"loras": "pastel.safetensors:1"}
    assert check(opened, "pastel").isChecked()
    shutil.rmtree(file.parent)
    assert (session.folder.loras / "pastel.safetensors").is_file()


def test_what_is_no_lora_is_refused_in_place(
    opened: ControlsPanel, draft: Draft, session: Session, photo: Path
) -> None:
    shown_list(opened).take(photo)

    assert note(opened).isVisible()
    assert f"{photo.name} cannot be read as a safetensors file" in note(opened).text()
    assert find(opened, "lora_add", QPushButton).isEnabled()
    assert draft.given == {}
    assert not session.folder.loras.exists()


def test_tab_goes_through_files_strengths_and_buttons(loras: Path, opened: ControlsPanel) -> None:
    del loras
    check(opened, "Style").click()
    check(opened, "ink & wash").setFocus(Qt.FocusReason.TabFocusReason)
    passed = [QApplication.focusWidget().objectName()]
    for _ in range(4):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        passed.append(QApplication.focusWidget().objectName())
    assert passed == [
        "lora_ink & wash.safetensors",
        "lora_Style.safetensors",
        "strength_Style.safetensors",
        "lora_add",
        "lora_folder",
    ]
    names = {box.accessibleName() for box in shown_list(opened).findChildren(QDoubleSpinBox)}
    assert names == {"Strength of ink & wash", "Strength of Style"}


def test_a_long_name_makes_the_panel_no_wider(
    show: Show, ready: Session, draft: Draft, session: Session
) -> None:
    before = ControlsPanel(ready, draft)
    open_options(show(before), draft)
    width = before.minimumSizeHint().width()
    write_lora(session.folder.loras / f"{'a very long name ' * 8}.safetensors", rank=1)

    panel = open_options(show(ControlsPanel(ready, Draft(LOCAL))), draft)

    assert panel.minimumSizeHint().width() <= width
    assert shown_list(panel).width() <= panel.width()


def test_many_files_scroll_in_a_list_of_their_own(
    show: Show, ready: Session, draft: Draft, session: Session
) -> None:
    for number in range(12):
        write_lora(session.folder.loras / f"style {number:02}.safetensors", rank=1)

    panel = open_options(show(ControlsPanel(ready, draft)), draft)

    assert len(shown_list(panel).findChildren(QCheckBox)) == 12
    assert shown_list(panel).height() < 300


def test_other_models_have_no_such_list(panel: ControlsPanel, draft: Draft) -> None:
    draft.set_model("starter")
    assert not panel.findChildren(LoraList)
