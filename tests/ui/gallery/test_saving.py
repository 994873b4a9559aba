from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job
from qie_desktop.imaging.embedding import read_request
from qie_desktop.storage.job_store import JobStore
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.gallery.gallery_actions import GalleryAction
from qie_desktop.ui.gallery.gallery_notice import GalleryNotice
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.panel import GalleryPanel

Make = Callable[..., Job]


@pytest.fixture(autouse=True)
def own_panels(qapp: object) -> object:
    """Qt's own file panels, in which a test can type."""
    from PySide6.QtWidgets import QApplication

    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    yield
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs, False)
    del qapp


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "Pictures"
    folder.mkdir()
    return folder


def asked(panel: GalleryPanel, name: str) -> QFileDialog:
    dialog = panel.findChild(QFileDialog, name)
    assert dialog is not None
    return dialog


def answer(dialog: QFileDialog, path: Path) -> None:
    dialog.selectFile(str(path))
    dialog.accept()


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".png", "PNG"), (".jpg", "JPEG"), (".jpeg", "JPEG"), (".webp", "WEBP")]
)
def test_a_picture_is_saved_in_the_format_of_its_name_with_the_request_inside(
    panel: GalleryPanel, made: Make, target: Path, suffix: str, kind: str
) -> None:
    job = made(prompt="a ship")
    panel.reload()
    panel.select(job.job_id, 0)
    panel.perform(GalleryAction.SAVE_AS)
    answer(asked(panel, "save_as_dialog"), target / f"mine{suffix}")
    with Image.open(target / f"mine{suffix}") as image:
        assert (image.format, image.size) == (kind, (60, 40))
    request = read_request(target / f"mine{suffix}")
    assert request is not None and request["prompt"] == "a ship"
    assert panel.findChild(GalleryNotice).text == f"Saved mine{suffix} in Pictures."


def test_the_name_comes_from_the_prompt_and_the_format_from_the_settings(
    panel: GalleryPanel, made: Make, settings: Settings, target: Path
) -> None:
    settings.set("general.output_format", "webp")
    job = made(prompt="a ship: / by \\ night?")
    panel.reload()
    panel.select(job.job_id, 0)
    panel.save_selection_as()
    dialog = asked(panel, "save_as_dialog")
    assert Path(dialog.selectedFiles()[0]).name == "a ship by night.webp"
    assert dialog.selectedNameFilter().startswith("WebP")
    answer(dialog, target / "without suffix")
    assert [path.name for path in target.iterdir()] == ["without suffix.webp"]


def test_a_png_is_saved_byte_for_byte(panel: GalleryPanel, made: Make, store: JobStore, target: Path) -> None:
    job = made()
    panel.saver.write((job.job_id, 0), target / "copy.png")
    source = store.output_path(job, job.outputs[0])
    assert (target / "copy.png").read_bytes() == source.read_bytes()


def test_all_pictures_of_a_job_go_into_a_folder_and_replace_nothing(
    panel: GalleryPanel, made: Make, target: Path
) -> None:
    job = made(prompt="a ship", pictures=3)
    (target / "a ship 2.png").write_bytes(b"mine already")
    panel.reload()
    panel.select(job.job_id, 0)
    panel.save_all()
    answer(asked(panel, "save_all_dialog"), target)
    assert sorted(path.name for path in target.iterdir()) == [
        "a ship 1.png", "a ship 2 2.png", "a ship 2.png", "a ship 3.png",
    ]  # fmt: skip
    assert (target / "a ship 2.png").read_bytes() == b"mine already"
    assert "3 pictures" in panel.findChild(GalleryNotice).text


def test_a_name_that_cannot_be_written_is_told_in_place(
    panel: GalleryPanel, made: Make, target: Path
) -> None:
    job = made()
    panel.saver.write((job.job_id, 0), target / "mine.gif")
    assert "does not end in a format" in panel.findChild(GalleryNotice).text
    panel.saver.write((job.job_id, 0), target / "missing" / "mine.png")
    assert (target / "missing" / "mine.png").is_file()
    panel.saver.write((job.job_id, 7), target / "mine.png")
    assert "no picture number 8" in panel.findChild(GalleryNotice).text


def test_leaving_the_panel_saves_nothing(panel: GalleryPanel, made: Make, target: Path, qtbot: QtBot) -> None:
    job = made()
    panel.reload()
    panel.select(job.job_id, 0)
    panel.save_selection_as()
    dialog = asked(panel, "save_as_dialog")
    dialog.setDirectory(str(target))
    with qtbot.waitSignal(dialog.destroyed):
        dialog.reject()
    assert list(target.iterdir()) == []


def test_two_selected_pictures_are_asked_for_a_folder(panel: GalleryPanel, made: Make, target: Path) -> None:
    made(prompt="one")
    made(prompt="two")
    panel.reload()
    panel.findChild(GalleryView).selectAll()
    panel.save_selection_as()
    answer(asked(panel, "save_all_dialog"), target)
    assert sorted(path.name for path in target.iterdir()) == ["one.png", "two.png"]
