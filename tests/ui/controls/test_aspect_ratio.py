from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from tests.ui.controls.conftest import find

MATCH = "match_input_image"


def tile(panel: ControlsPanel, ratio: str) -> QAbstractButton:
    found = find(panel, f"aspect_ratio_{ratio}", QAbstractButton)
    assert isinstance(found, QAbstractButton)
    return found


def ratios(panel: ControlsPanel) -> tuple[str, ...]:
    return find(panel, "aspect_ratio").ratios  # type: ignore[attr-defined]


def test_a_click_chooses_a_ratio(panel: ControlsPanel, draft: Draft) -> None:
    draft.set_model("qwen-image")
    assert tile(panel, "16:9").isChecked()
    tile(panel, "3:4").click()
    assert draft.values()["aspect_ratio"] == "3:4"
    assert not tile(panel, "16:9").isChecked()


def test_the_ratio_of_the_input_is_offered_only_with_a_picture(
    panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]]
) -> None:
    draft.set_model("seedream-4")
    assert MATCH not in ratios(panel)
    panel.take_files(photos(1))
    assert ratios(panel)[0] == MATCH
    assert tile(panel, MATCH).isChecked()
    draft.set_image(0, None)
    assert MATCH not in ratios(panel)
    assert draft.values()["aspect_ratio"] in ratios(panel)
    assert tile(panel, str(draft.values()["aspect_ratio"])).isChecked()


def test_a_chosen_ratio_stays_when_pictures_come_and_go(
    panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]]
) -> None:
    draft.set_model("seedream-4")
    tile(panel, "21:9").click()
    panel.take_files(photos(1))
    assert tile(panel, "21:9").isChecked()


@pytest.mark.parametrize("model_id", ["hunyuan-image-3", "qwen-image", "seedream-4"])
def test_the_tiles_fill_two_rows(panel: ControlsPanel, draft: Draft, model_id: str) -> None:
    draft.set_model(model_id)
    QApplication.processEvents()
    tiles = [tile(panel, ratio) for ratio in ratios(panel)]
    tops = {each.y() for each in tiles}
    first_row = [each for each in tiles if each.y() == min(tops)]
    assert len(tops) == 2
    assert min(each.x() for each in first_row) == 0
    room = find(panel, "aspect_ratio").width()
    assert room - len(first_row) < first_row[-1].x() + first_row[-1].width() <= room


def test_the_arrow_keys_choose_and_tab_passes_all_tiles(panel: ControlsPanel, draft: Draft) -> None:
    draft.set_model("qwen-image")
    tile(panel, "16:9").setFocus()
    QTest.keyClick(tile(panel, "16:9"), Qt.Key.Key_Right)
    assert draft.values()["aspect_ratio"] == "9:16"
    assert tile(panel, "9:16").hasFocus()
    QTest.keyClick(tile(panel, "9:16"), Qt.Key.Key_Tab)
    focused = QApplication.focusWidget()
    assert focused is not None
    assert focused.objectName() == "more_options_toggle"


@pytest.mark.parametrize(("ratio", "wider"), [("16:9", True), ("9:16", False)])
def test_tiles_are_drawn_to_shape(panel: ControlsPanel, draft: Draft, ratio: str, wider: bool) -> None:
    draft.set_model("hunyuan-image-3")
    widget = tile(panel, ratio)
    image = widget.grab().toImage()
    ground = image.pixel(image.width() // 2, 1)
    rows = range(3, image.height() - 20)
    columns = range(image.width())
    drawn = [(x, y) for y in rows for x in columns if image.pixel(x, y) != ground]
    width = max(x for x, _ in drawn) - min(x for x, _ in drawn)
    height = max(y for _, y in drawn) - min(y for _, y in drawn)
    assert (width > height) == wider
    assert abs(max(width, height) / min(width, height) - 16 / 9) < 0.25
