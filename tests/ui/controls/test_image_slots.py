from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QClipboard, QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.ui.controls.dropped import OUTPUT_MIME
from qie_desktop.ui.controls.image_slot import ImageSlot
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from tests.ui.conftest import make_photo
from tests.ui.controls.conftest import drag_over, drop, files, find

Photos = Callable[[int], list[Path]]
PLUS = "qwen-image-edit-plus"


@pytest.fixture
def draft(qapp: QApplication) -> Draft:
    del qapp
    return Draft(PLUS)


def slot(panel: ControlsPanel, index: int) -> ImageSlot:
    found = find(panel, f"slot_{index}", ImageSlot)
    assert isinstance(found, ImageSlot)
    return found


def said(panel: ControlsPanel) -> str:
    notice = find(panel, "image_notice")
    return notice.text if notice.isVisible() else ""  # type: ignore[attr-defined]


def test_a_file_dropped_on_a_slot_is_in_that_slot(panel: ControlsPanel, draft: Draft, photos: Photos) -> None:
    (photo,) = photos(1)
    drop(slot(panel, 1), files(photo))
    assert draft.images == (None, photo, None)
    assert slot(panel, 1).accessibleName() == "Image 2: photo 0.png"
    assert said(panel) == ""


def test_several_files_fill_the_free_slots_in_order(
    panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    paths = photos(3)
    drop(slot(panel, 2), files(*paths))
    assert draft.images == tuple(paths)


def test_a_drop_on_a_full_slot_replaces_and_the_rest_fills_up(
    panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    old, *new = photos(3)
    draft.set_image(1, old)
    drop(slot(panel, 1), files(*new))
    assert draft.images == (new[1], new[0], None)


def test_a_drop_on_the_only_slot_replaces(panel: ControlsPanel, draft: Draft, photos: Photos) -> None:
    draft.set_model("starter")
    old, new = photos(2)
    draft.set_image(0, old)
    panel.take(files(new))
    assert draft.images == (new,)


def test_a_folder_gives_its_pictures_in_the_order_of_the_finder(
    panel: ControlsPanel, draft: Draft, tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    paths = [make_photo(folder / name, (400, 400)) for name in ("2.png", "10.png")]
    (folder / "1.txt").write_text("notes")
    (folder / ".hidden.png").write_bytes(paths[0].read_bytes())
    drop(slot(panel, 0), files(folder))
    assert draft.images == (*paths, None)
    assert said(panel) == ""


def test_image_data_becomes_a_png_in_the_data_folder(panel: ControlsPanel, draft: Draft) -> None:
    image = QImage(420, 390, QImage.Format.Format_RGB32)
    image.fill(QColor("teal"))
    mime = QMimeData()
    mime.setImageData(image)
    drop(slot(panel, 0), mime)
    (path, *_) = draft.images
    assert path is not None
    assert path.is_relative_to(panel.intake._desk.folder)
    with Image.open(path) as saved:
        assert (saved.format, saved.size) == ("PNG", (420, 390))


def test_an_output_dragged_from_the_gallery_is_taken_as_its_file(
    panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    mime = files(*photos(1))
    mime.setData(OUTPUT_MIME, b"20261122-101530-7f3a/output_0.png")
    drop(slot(panel, 0), mime)
    assert draft.image_count == 1


def test_paste_takes_files_and_image_data_from_the_clipboard(
    panel: ControlsPanel, draft: Draft, photos: Photos, clipboard: QClipboard
) -> None:
    photo, other = photos(2)
    clipboard.setMimeData(files(photo))
    panel.paste()
    assert draft.images[0] == photo
    clipboard.setMimeData(files(other))
    slot(panel, 0).setFocus()
    QTest.keyClick(slot(panel, 0), Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert draft.images[0] == other


def test_pictures_pasted_into_the_prompt_find_their_slots(
    panel: ControlsPanel, draft: Draft, photos: Photos, clipboard: QClipboard
) -> None:
    prompt = find(panel, "prompt_edit")
    prompt.setFocus()
    mime = files(*photos(1))
    mime.setText("photo 0.png")
    clipboard.setMimeData(mime)
    QTest.keyClick(prompt, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert draft.image_count == 1
    assert draft.prompt == ""


def test_a_click_opens_a_panel_that_blocks_nothing(
    qtbot: QtBot, panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    (photo,) = photos(1)
    QTest.mouseClick(slot(panel, 2), Qt.MouseButton.LeftButton)
    dialog = panel.window().findChild(QFileDialog, "open_panel")
    assert dialog is not None
    assert dialog.isVisible()
    dialog.setDirectory(str(photo.parent))
    dialog.selectFile(str(photo))
    qtbot.waitUntil(lambda: dialog.selectedFiles() == [str(photo)])
    with qtbot.waitSignal(dialog.destroyed):
        dialog.accept()
    assert draft.images == (None, None, photo)


def test_backspace_and_the_little_cross_clear(panel: ControlsPanel, draft: Draft, photos: Photos) -> None:
    panel.take_files(photos(2))
    slot(panel, 0).setFocus()
    QTest.keyClick(slot(panel, 0), Qt.Key.Key_Backspace)
    assert draft.images[0] is None
    find(panel, "slot_1_clear").click()  # type: ignore[attr-defined]
    assert draft.image_count == 0


def test_slots_are_reordered_by_dragging_and_by_keys(
    panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    first, second, third = photos(3)
    panel.take_files([first, second, third])
    drop(slot(panel, 2), slot(panel, 0).drag_data())
    assert draft.images == (second, third, first)
    slot(panel, 1).setFocus()
    QTest.keyClick(slot(panel, 1), Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert draft.images == (third, second, first)
    QTest.keyClick(slot(panel, 0), Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert draft.images == (third, second, first)


def test_a_slot_is_dropped_on_slots_alone_within_the_window(panel: ControlsPanel, photos: Photos) -> None:
    panel.take_files(photos(1))
    mime = slot(panel, 0).drag_data()
    assert drag_over(slot(panel, 1), mime)
    assert not panel.accepts(mime)
    assert panel.accepts(files(*photos(1)))


def test_a_slot_drags_its_file_to_other_places(panel: ControlsPanel, photos: Photos) -> None:
    panel.take_files(photos(1))
    assert [url.toLocalFile() for url in slot(panel, 0).drag_data().urls()] == [str(photos(1)[0])]


def test_a_hover_tells_name_pixels_and_bytes(panel: ControlsPanel, photos: Photos) -> None:
    (photo,) = photos(1)
    panel.take_files([photo])
    tip = slot(panel, 0).toolTip()
    assert "photo 0.png" in tip
    assert "400×384 px" in tip
    assert f"{photo.stat().st_size / 1000:.1f} KB" in tip


def sizing(panel: ControlsPanel) -> list[int]:
    slots = panel.findChildren(ImageSlot)
    return sorted(each.index for each in slots if "Sets the size" in each.toolTip())


def test_the_first_picture_sets_the_size(panel: ControlsPanel, draft: Draft, photos: Photos) -> None:
    panel.take_files(photos(2))
    assert sizing(panel) == [0]
    draft.set_image(0, None)
    assert sizing(panel) == [1]


def test_pictures_side_by_side_set_the_size_together(
    panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    draft.set_model("qwen-image-edit-2509-gguf")
    panel.take_files(photos(2))
    assert sizing(panel) == [0, 1]
    assert find(panel, "result_size_label").text() == "Result 800×384 px"  # type: ignore[attr-defined]
    find(panel, "option_combine").button("references").click()  # type: ignore[attr-defined]
    assert draft.values()["combine"] == "references"
    assert sizing(panel) == [0]
    assert find(panel, "result_size_label").text() == "Result 400×384 px"  # type: ignore[attr-defined]


def test_of_a_hybrid_a_picture_sets_the_size_only_when_it_is_matched(
    panel: ControlsPanel, draft: Draft, photos: Photos
) -> None:
    draft.set_model("seedream-4")
    panel.take_files(photos(2))
    assert sizing(panel) == [0]
    draft.set_value("aspect_ratio", "16:9")
    assert sizing(panel) == []


def test_a_drag_lights_up_what_it_may_be_dropped_on(panel: ControlsPanel, photos: Photos) -> None:
    before = panel.grab().toImage()
    panel.set_lit(True)
    assert panel.grab().toImage() != before
    panel.set_lit(False)
    assert panel.grab().toImage() == before
    assert drag_over(slot(panel, 0), files(*photos(1)))
    assert panel.grab().toImage() != before


@pytest.mark.parametrize("count", sorted({spec.inputs.maximum for spec in CATALOGUE} - {0}))
def test_every_slot_is_inside_the_panel_at_its_least_width(
    qtbot: QtBot, panel: ControlsPanel, draft: Draft, count: int
) -> None:
    draft.set_model(next(spec.id for spec in CATALOGUE if spec.inputs.maximum == count))
    panel.resize(panel.minimumWidth(), 640)
    slots = [each for each in panel.findChildren(ImageSlot) if each.isVisible()]
    assert len(slots) == count
    qtbot.waitUntil(lambda: all(each.mapTo(panel, QPoint(each.width(), 0)).x() <= 264 for each in slots))
    assert all(each.width() >= 32 for each in slots)
