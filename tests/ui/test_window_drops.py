"""Things dragged over the window and dropped on it, wherever over it they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.viewer.message_bar import MessageBar
from tests.ui.conftest import make_photo
from tests.ui.dragging import Drag

OpenWindow = Callable[..., MainWindow]


def files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def seen(window: MainWindow, name: str) -> QImage:
    return part(window, name).grab().toImage()


def part(window: MainWindow, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert isinstance(found, QWidget)
    return found


@pytest.mark.parametrize("end", ["leave", "drop"])
def test_slots_are_lit_for_the_whole_drag_wherever_it_is(
    open_window: OpenWindow, photo: Path, end: str
) -> None:
    window = open_window()
    window.draft.set_model("qwen-image-edit-plus")
    dark = seen(window, "slot_1")
    dark_invitation = seen(window, "empty_state")
    drag = Drag(window, files(photo), part(window, "gallery"))
    lit = seen(window, "slot_1")
    assert lit != dark
    assert seen(window, "empty_state") != dark_invitation
    for name in ("empty_state", "prompt_edit", "slot_0", "model_picker", "gallery", "run_button"):
        drag.move(part(window, name))
        assert drag.is_accepted, name
        assert seen(window, "slot_1") == lit, name
    drag.leave() if end == "leave" else drag.drop()
    assert seen(window, "slot_1") == dark
    assert seen(window, "empty_state") == dark_invitation


def test_slot_under_the_drag_is_told_from_the_others(open_window: OpenWindow, photo: Path) -> None:
    window = open_window()
    window.draft.set_model("qwen-image-edit-plus")
    drag = Drag(window, files(photo), part(window, "viewer"))
    lit = seen(window, "slot_0")
    drag.move(part(window, "slot_0"))
    assert seen(window, "slot_0") != lit
    drag.move(part(window, "slot_1"))
    assert seen(window, "slot_0") == lit
    drag.leave()


def test_several_files_dropped_on_the_empty_viewer_fill_the_slots_in_order(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    photos = [make_photo(tmp_path / name, (400, 384)) for name in ("b.png", "a.png")]
    window = open_window()
    window.draft.set_prompt("put both into one picture")
    window.draft.set_model("seedream-4")
    Drag(window, files(*photos), part(window, "empty_state")).drop()
    qtbot.waitUntil(lambda: window.draft.image_count == 2)
    assert window.draft.images[:2] == tuple(photos)


@pytest.fixture
def finished(store: JobStore, make: Callable[..., Job]) -> Callable[..., Job]:
    """Return a function that puts a job with a result on disk."""

    def finished(**options: object) -> Job:
        job = make(**options)
        store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
        store.write_output(job, NewOutput(0, Image.new("RGB", (400, 384), "teal")))
        ended = store.update(job.job_id, lambda current: current.moved_to(JobState.SUCCEEDED))
        store.claims.drop(store.folder(job.job_id))
        return ended

    return finished


def dragged(qtbot: QtBot, window: MainWindow, job: Job) -> QMimeData:
    """What the gallery drags when a cell of it is taken hold of."""
    qtbot.waitUntil(lambda: window.gallery.model.index_of(job.job_id, 0).isValid())
    window.gallery.select(job.job_id, 0)
    drag = window.gallery.findChild(GalleryView).make_drag()
    assert drag is not None
    # Of the drag's own data a copy: the drag itself is never begun here.
    mime = QMimeData()
    for kind in drag.mimeData().formats():
        mime.setData(kind, drag.mimeData().data(kind))
    drag.deleteLater()
    return mime


@pytest.mark.parametrize("place", ["empty_state", "viewer", "gallery", "model_picker"])
def test_an_output_dropped_on_the_window_becomes_an_input_and_offers_its_settings(
    qtbot: QtBot,
    open_window: OpenWindow,
    finished: Callable[..., Job],
    store: JobStore,
    photo: Path,
    place: str,
) -> None:
    job = finished(prompt="as if at night", steps=7, seed=12)
    store.close()
    window = open_window()
    mime = dragged(qtbot, window, job)
    if place == "viewer":
        window.open_files([photo])
        qtbot.waitUntil(lambda: window.draft.image_count == 1)
    window.draft.set_prompt("something else")
    drag = Drag(window, mime, part(window, "prompt_edit"))
    drag.move(part(window, place))
    drag.drop()
    output = store.output_path(job, job.outputs[0])
    qtbot.waitUntil(lambda: window.draft.images[0] == output)
    # The picture is shown as an input by now; the offer stands over it.
    qtbot.waitUntil(window.viewer.is_settled)
    bar = window.findChild(MessageBar)
    assert bar.isVisible()
    [remedy] = [button for button in bar.findChildren(QPushButton) if button.isVisible()]
    assert remedy.text() == "Reuse Settings"
    assert window.draft.prompt == "something else"
    remedy.click()
    qtbot.waitUntil(lambda: window.draft.prompt == "as if at night")
    assert (window.draft.spec.id, window.draft.given["steps"], window.draft.given["seed"]) == (
        job.request.model_id,
        7,
        12,
    )
    assert window.draft.images[0] == job.request.inputs[0]
    assert not bar.isVisible()


def test_where_the_model_takes_no_images_an_output_still_offers_its_settings(
    qtbot: QtBot, open_window: OpenWindow, finished: Callable[..., Job], store: JobStore
) -> None:
    job = finished(prompt="as if at night")
    store.close()
    window = open_window()
    window.draft.set_prompt("a fox")
    window.draft.set_model("qwen-image")
    Drag(window, dragged(qtbot, window, job), part(window, "viewer")).drop()
    bar = window.findChild(MessageBar)
    qtbot.waitUntil(bar.isVisible)
    assert "input" not in f"{bar.message.title} {bar.message.hint}"
    bar.findChild(QPushButton, "remedy_0").click()
    qtbot.waitUntil(lambda: window.draft.spec.id == job.request.model_id)


def test_files_of_others_offer_nothing(qtbot: QtBot, open_window: OpenWindow, photo: Path) -> None:
    window = open_window()
    Drag(window, files(photo), part(window, "empty_state")).drop()
    qtbot.waitUntil(lambda: window.draft.image_count == 1)
    assert not window.findChild(MessageBar).isVisible()
