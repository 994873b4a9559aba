from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import Preview, Step, Succeeded
from qie_desktop.core.job import Job
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.gallery.thumbnails import Thumbnails
from tests.ui.conftest import InlineBackground, RecordingJobs


def middle_of(view: GalleryView) -> QImage:
    """Return what is painted in the middle of the first cell."""
    middle = QRect(0, 0, 20, 20)
    middle.moveCenter(view.visualRect(view.model().index(0)).center())
    return view.viewport().grab(middle).toImage()


def colours_of(image: QImage) -> set[int]:
    return {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}


def test_a_job_that_waits_without_a_picture_has_a_sign_in_its_cell(
    panel: GalleryPanel, make: Callable[..., Job], jobs: RecordingJobs, qtbot: QtBot
) -> None:
    panel.reload()
    jobs.begin(make("hunyuan-image-3", [], "a red fox"))
    view = panel.findChild(GalleryView, "gallery")
    assert view is not None
    qtbot.waitUntil(lambda: view.model().rowCount() == 1)
    qtbot.wait(20)
    assert len(colours_of(middle_of(view))) > 2


@pytest.mark.parametrize("preview", [True, False])
def test_a_cell_whose_job_has_just_ended_is_not_blank_until_its_picture_is_decoded(
    preview: bool,
    panel: GalleryPanel,
    make: Callable[..., Job],
    finish: Callable[..., Job],
    jobs: RecordingJobs,
    background: InlineBackground,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel.reload()
    job = make()
    jobs.begin(job)
    view = panel.findChild(GalleryView, "gallery")
    thumbnails = panel.findChild(Thumbnails)
    qtbot.waitUntil(lambda: thumbnails.tile(panel.model.cell(0)) is not None)
    if preview:
        jobs.tell(Step(job.job_id, 1, 2, preview=Preview(4, 4, bytes((250, 10, 10)) * 16)))
    # Whatever is asked for from now on never comes.
    monkeypatch.setattr(background, "run", lambda *_arguments, **_options: None)
    ended = finish(job)
    jobs.end(ended, Succeeded(job.job_id))
    assert panel.model.cell(0).output is not None
    assert thumbnails.tile(panel.model.cell(0)) is None
    shown = colours_of(middle_of(view))
    assert (shown == {QColor(250, 10, 10).rgb()}) is preview
    assert preview or len(shown) > 2
