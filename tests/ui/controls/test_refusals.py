"""What cannot be used is refused with a reason, in place; nothing else is kept out by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from tests.ui.controls.conftest import drop, files, find
from tests.ui.controls.test_image_slots import PLUS, said, slot

Photos = Callable[[int], list[Path]]


@pytest.fixture
def draft(qapp: QApplication) -> Draft:
    del qapp
    return Draft(PLUS)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.png", b"", "0 bytes"),
        ("letter.png", b"Dear Sir", "not a picture"),
        ("cut.png", None, "damaged"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_in_place(
    panel: ControlsPanel, draft: Draft, tmp_path: Path, photos: Photos, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(photos(1)[0].read_bytes()[:-900] if content is None else content)
    drop(slot(panel, 0), files(path))
    assert draft.image_count == 0
    assert name in said(panel)
    assert reason in said(panel)
    assert QApplication.activeModalWidget() is None


def test_one_refusal_does_not_keep_the_others_out(
    panel: ControlsPanel, draft: Draft, tmp_path: Path, photos: Photos
) -> None:
    good, also = photos(2)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    drop(slot(panel, 0), files(good, bad, also))
    assert draft.images == (good, also, None)
    assert "bad.png" in said(panel)


def test_a_picture_of_a_size_that_the_model_does_not_take_is_shown_as_wrong_and_keeps_run_away(
    panel: ControlsPanel, draft: Draft, photo: Path
) -> None:
    draft.set_prompt("sepia")
    drop(slot(panel, 0), files(photo))
    assert draft.images[0] == photo
    assert "150×100" in slot(panel, 0).toolTip()
    assert "150×100" in find(panel, "run_reason").text()  # type: ignore[attr-defined]
    assert find(panel, "run_fix").text() == "Use a Scaled Copy"  # type: ignore[attr-defined]
    assert find(panel, "run_reason").property("class") == "warning"
    assert not find(panel, "run_button").isEnabled()


def test_a_picture_that_another_model_cannot_take_stays_and_is_named(
    panel: ControlsPanel, draft: Draft, photo: Path
) -> None:
    draft.set_model("starter")
    draft.set_prompt("sepia")
    panel.take_files([photo])
    assert find(panel, "run_button").isEnabled()
    draft.set_model(PLUS)
    assert draft.images[0] == photo
    assert "150×100" in slot(panel, 0).toolTip()
    assert not find(panel, "run_button").isEnabled()
    assert "150×100" in find(panel, "run_reason").text()  # type: ignore[attr-defined]


def test_a_text_is_refused_with_a_reason(panel: ControlsPanel) -> None:
    mime = QMimeData()
    mime.setText("a cat")
    drop(slot(panel, 0), mime)
    assert "no picture in that" in said(panel)


def test_a_model_without_pictures_says_so_where_the_slots_were(
    panel: ControlsPanel, draft: Draft, photo: Path
) -> None:
    draft.set_model("qwen-image")
    assert not find(panel, "image_slots").isVisible()
    panel.take_files([photo])
    assert "from words alone" in said(panel)
    draft.set_model("starter")
    assert said(panel) == ""


def test_a_picture_taken_from_elsewhere_that_is_gone_says_so(
    panel: ControlsPanel, draft: Draft, tmp_path: Path
) -> None:
    draft.set_prompt("sepia")
    draft.set_image(0, tmp_path / "gone.png")
    assert "There is no file gone.png" in slot(panel, 0).toolTip()
    assert "There is no file gone.png" in find(panel, "run_reason").text()  # type: ignore[attr-defined]


def test_what_finds_no_place_is_refused_in_place(panel: ControlsPanel, draft: Draft, photos: Photos) -> None:
    paths = photos(5)
    panel.take_files(paths)
    assert draft.images == tuple(paths[:3])
    assert "2 more were left out" in said(panel)
    assert "3 images" in said(panel)
    panel.take_files(paths[3:4])
    assert draft.images == tuple(paths[:3])
    assert "All slots are full" in said(panel)
    QTest.mouseClick(find(panel, "image_notice_close"), Qt.MouseButton.LeftButton)
    assert said(panel) == ""


def test_a_folder_without_pictures_is_refused_by_name(
    panel: ControlsPanel, draft: Draft, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    drop(slot(panel, 0), files(folder))
    assert draft.image_count == 0
    assert "no pictures in papers" in said(panel)
