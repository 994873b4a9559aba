"""Everything can be reached and done by keys alone, and everything says what it is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from tests.ui.controls.conftest import find


def tabbed_through(panel: ControlsPanel) -> list[QWidget]:
    """Return what has the focus, one after the other, from the model picker on until it comes round."""
    start = find(panel, "model_picker")
    start.setFocus(Qt.FocusReason.TabFocusReason)
    seen = [start]
    while len(seen) < 100:
        QTest.keyClick(seen[-1], Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused is start:
            return seen
        seen.append(focused)
    raise AssertionError(f"Tab never comes round: {[each.objectName() for each in seen[:40]]}")


def interactive(panel: ControlsPanel) -> set[str]:
    return {
        widget.objectName()
        for widget in panel.findChildren(QWidget)
        if widget.isVisible()
        and not widget.objectName().startswith("qt_")
        and widget.objectName()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isEnabled()
        and not isinstance(widget, (QScrollArea, QLabel))
    }


@pytest.mark.parametrize("spec", CATALOGUE, ids=[spec.id for spec in CATALOGUE])
def test_tab_goes_through_everything_from_top_to_bottom(
    panel: ControlsPanel,
    draft: Draft,
    photos: Callable[[int], list[Path]],
    spec: object,
) -> None:
    for other in (*CATALOGUE, spec):
        draft.set_model(other.id)  # type: ignore[attr-defined]
    panel.resize(300, 1400)
    find(panel, "more_options").set_open(True)  # type: ignore[attr-defined]
    draft.set_prompt("a fox")
    for path in photos(min(2, draft.spec.inputs.maximum)):
        draft.add_images([path])
    # Heights that depend on widths take some rounds to be settled.
    QTest.qWait(100)
    seen = tabbed_through(panel)
    names = [widget.objectName() for widget in seen]
    missing = interactive(panel) - set(names)
    # Of choices side by side Tab reaches the one that is taken; the arrow keys reach the others.
    assert {name for name in missing if not name.startswith("aspect_ratio_")} == set()
    tops = [widget.mapTo(panel, widget.rect().topLeft()).y() for widget in seen]
    assert all(below >= above - 12 for above, below in pairwise(tops)), names
    assert names[-1] == "run_button"
    silent = [widget for widget in seen if not (widget.accessibleName() or widget.text())]  # type: ignore[attr-defined]
    assert silent == []


def test_a_run_is_set_up_and_asked_for_by_keys_alone(
    qtbot: QtBot, panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]]
) -> None:
    (photo,) = photos(1)
    slot = find(panel, "slot_0")
    slot.setFocus()
    QTest.keyClick(slot, Qt.Key.Key_Return)
    dialog = panel.window().findChild(QFileDialog, "open_panel")
    assert dialog is not None
    dialog.setDirectory(str(photo.parent))
    dialog.selectFile(str(photo))
    qtbot.waitUntil(lambda: dialog.selectedFiles() == [str(photo)])
    with qtbot.waitSignal(dialog.destroyed):
        dialog.accept()
    panel.focus_prompt()
    prompt = find(panel, "prompt_edit")
    QTest.keyClicks(prompt, "sepia")
    with qtbot.waitSignal(panel.run_requested):
        QTest.keyClick(prompt, Qt.Key.Key_Enter, Qt.KeyboardModifier.ControlModifier)
    assert draft.request().inputs == (photo,)


def test_every_named_control_is_there_once(panel: ControlsPanel) -> None:
    names = (
        "model_picker",
        "image_slots",
        "slot_0",
        "prompt_edit",
        "prompt_history",
        "aspect_ratio",
        "more_options",
        "run_button",
        "estimate_label",
    )
    assert {name: len(panel.findChildren(QWidget, name)) for name in names} == dict.fromkeys(names, 1)
