from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import Preview, Step
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.gallery.cell_delegate import CellDelegate
from qie_desktop.ui.gallery.cell_parts import Part, badge_rect, picture_rect, retry_rect
from qie_desktop.ui.gallery.cells import NO_OUTPUT
from qie_desktop.ui.gallery.gallery_notice import GalleryNotice
from qie_desktop.ui.gallery.gallery_search import GallerySearch
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.gallery.quick_look import QuickLook
from qie_desktop.ui.gallery.star_filter import StarFilter
from qie_desktop.ui.gallery.thumbnails import Thumbnails
from tests.ui.conftest import RecordingJobs

Make = Callable[..., Job]


class Heard:
    """What a panel asked for."""

    def __init__(self, panel: GalleryPanel) -> None:
        self.asked: list[tuple[object, ...]] = []
        for name in (
            "output_activated", "use_as_input", "reuse_settings", "run_again", "retry_requested",
            "cancel_requested", "compare_requested", "info_requested", "save_requested",
            "quick_look_requested",
        ):  # fmt: skip
            getattr(panel, name).connect(self._noting(name))

    def _noting(self, name: str) -> Callable[..., None]:
        return lambda *values: self.asked.append((name, *values))


@pytest.fixture
def view(panel: GalleryPanel) -> GalleryView:
    return panel.findChild(GalleryView, "gallery")


@pytest.fixture
def heard(panel: GalleryPanel) -> Heard:
    return Heard(panel)


def click(qtbot: QtBot, view: GalleryView, row: int, at: QPoint | None = None, **more: object) -> None:
    qtbot.wait(30)
    rect = view.visualRect(view.model().index(row))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at or rect.center(), **more)


def test_every_named_widget_is_there_and_has_a_name_for_a_screen_reader(panel: GalleryPanel) -> None:
    for name in ("gallery", "gallery_search", "gallery_star_filter"):
        widget = panel.findChild(QWidget, name)
        assert widget is not None and widget.accessibleName()
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_a_click_asks_for_the_picture_and_selects_it(
    panel: GalleryPanel, view: GalleryView, heard: Heard, made: Make, qtbot: QtBot
) -> None:
    job = made(pictures=2)
    panel.reload()
    click(qtbot, view, 1)
    assert heard.asked == [("output_activated", job.job_id, 1)]
    assert panel.selected() == [(job.job_id, 1)]


def test_arrows_go_through_the_pictures_and_show_them_return_shows_again(
    panel: GalleryPanel, view: GalleryView, heard: Heard, made: Make, qtbot: QtBot
) -> None:
    job = made(pictures=3)
    panel.reload()
    panel.select(job.job_id, 0)
    assert heard.asked == []
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert heard.asked == [("output_activated", job.job_id, 1)] * 2


def test_several_are_selected_with_the_keyboard_and_none_of_them_is_opened(
    panel: GalleryPanel, view: GalleryView, heard: Heard, made: Make, qtbot: QtBot
) -> None:
    job = made(pictures=3)
    panel.reload()
    panel.select(job.job_id, 0)
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert panel.selected() == [(job.job_id, index) for index in range(3)]
    assert heard.asked == []


def test_a_rubber_band_from_beside_the_cells_selects_what_it_touches(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    made(pictures=3)
    panel.reload()
    qtbot.wait(30)
    start = QPoint(view.viewport().width() - 8, view.viewport().height() - 8)
    assert not view.indexAt(start).isValid()
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view.viewport(), QPoint(100, 300))
    qtbot.mouseMove(view.viewport(), view.visualRect(view.model().index(1)).center())
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton)
    assert [index for _, index in panel.selected()] == [1, 2]


def test_the_cross_of_a_running_cell_asks_to_cancel_and_the_cell_says_so(
    panel: GalleryPanel, view: GalleryView, heard: Heard, make: Make, jobs: RecordingJobs, qtbot: QtBot
) -> None:
    job = make()
    jobs.begin(job)
    jobs.tell(Step(job.job_id, 1, 4, None, Preview(2, 2, bytes(12))))
    qtbot.wait(30)
    cross = badge_rect(view.visualRect(view.model().index(0)), Part.CANCEL).center()
    click(qtbot, view, 0, cross)
    click(qtbot, view, 0, cross)
    assert heard.asked[0] == ("cancel_requested", job.job_id)
    assert [asked[0] for asked in heard.asked].count("cancel_requested") == 1
    assert panel.model.cell(0).state is JobState.CANCELLING


def test_letting_go_beside_the_cross_cancels_nothing(
    panel: GalleryPanel, view: GalleryView, heard: Heard, make: Make, jobs: RecordingJobs, qtbot: QtBot
) -> None:
    jobs.begin(make())
    qtbot.wait(30)
    rect = view.visualRect(view.model().index(0))
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=badge_rect(rect, Part.CANCEL).center())
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert heard.asked == []
    assert panel.selected() == []


def test_a_failed_cell_offers_to_try_again(
    panel: GalleryPanel, view: GalleryView, heard: Heard, made: Make, qtbot: QtBot
) -> None:
    job = made(state=JobState.FAILED, error="Too little memory.")
    panel.reload()
    qtbot.wait(30)
    rect = view.visualRect(view.model().index(0))
    button = retry_rect(rect, view.findChild(CellDelegate).metrics)
    assert picture_rect(rect).contains(button)
    click(qtbot, view, 0, button.center())
    assert heard.asked == [("retry_requested", job.job_id)]
    assert panel.model.cell(0).key == (job.job_id, NO_OUTPUT)


def test_a_star_is_on_disk_and_survives_a_restart(
    panel: GalleryPanel, view: GalleryView, made: Make, store: JobStore, qtbot: QtBot
) -> None:
    job = made(pictures=2)
    panel.reload()
    qtbot.wait(30)
    click(qtbot, view, 1, badge_rect(view.visualRect(view.model().index(1)), Part.STAR).center())
    fresh = JobStore(store.data_folder)
    assert [output.starred for output in fresh.load(job.job_id).outputs] == [False, True]
    assert [found.job_id for found in fresh.list(starred=True)] == [job.job_id]
    fresh.close()
    assert panel.model.cell(1).starred


def test_starring_a_mixed_selection_stars_all_and_then_none(
    panel: GalleryPanel, view: GalleryView, made: Make, store: JobStore
) -> None:
    job = made(pictures=3)
    store.star(job.job_id, True, 1)
    panel.reload()
    view.selectAll()
    panel.toggle_star()
    assert [output.starred for output in store.load(job.job_id).outputs] == [True] * 3
    panel.toggle_star()
    assert [output.starred for output in store.load(job.job_id).outputs] == [False] * 3


def test_the_star_filter_shows_starred_pictures_and_says_when_there_are_none(
    panel: GalleryPanel, made: Make, store: JobStore, qtbot: QtBot
) -> None:
    made()
    panel.reload()
    toggle = panel.findChild(StarFilter)
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    assert title(panel) == "Nothing found"
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    assert title(panel) == ""


def title(panel: GalleryPanel) -> str:
    label = panel.findChild(QLabel, "gallery_empty_title")
    return label.text() if label.isVisible() else ""


def test_an_empty_gallery_says_so_until_something_is_made(
    panel: GalleryPanel, make: Make, jobs: RecordingJobs
) -> None:
    panel.reload()
    assert title(panel) == "Nothing here yet"
    jobs.begin(make())
    assert title(panel) == ""


def test_typing_searches_after_a_pause_once_and_escape_shows_everything(
    panel: GalleryPanel, made: Make, background: object, qtbot: QtBot
) -> None:
    made(prompt="a cat")
    made(prompt="a dog")
    panel.reload()
    panel.focus_search()
    search = panel.findChild(GallerySearch, "gallery_search")
    assert search.hasFocus() or QGuiApplication.focusWindow() is None
    told: list[str] = []
    search.searched.connect(told.append)
    qtbot.keyClicks(search, "cat")
    assert panel.model.rowCount() == 2
    qtbot.waitUntil(lambda: panel.model.rowCount() == 1)
    assert told == ["cat"]
    qtbot.keyClicks(search, "xyz")
    qtbot.keyClick(search, Qt.Key.Key_Return)
    assert title(panel) == "Nothing found"
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert panel.model.rowCount() == 2
    qtbot.keyClicks(search, "nothing like it")
    qtbot.waitUntil(lambda: title(panel) == "Nothing found")
    qtbot.mouseClick(panel.findChild(QPushButton, "gallery_show_everything"), Qt.MouseButton.LeftButton)
    assert panel.model.rowCount() == 2
    assert search.text() == ""


def test_what_is_selected_stays_selected_through_a_search_that_finds_it(
    panel: GalleryPanel, made: Make, qtbot: QtBot
) -> None:
    cat = made(prompt="a cat")
    made(prompt="a dog")
    panel.reload()
    panel.select(cat.job_id, 0)
    search = panel.findChild(GallerySearch, "gallery_search")
    qtbot.keyClicks(search, "cat")
    qtbot.keyClick(search, Qt.Key.Key_Return)
    assert panel.selected() == [(cat.job_id, 0)]


def test_a_job_that_is_not_listed_yet_is_selected_when_it_comes(
    panel: GalleryPanel, made: Make, qtbot: QtBot
) -> None:
    job = made()
    panel.model._pages._loading = True  # as while the first page is being read
    panel.select(job.job_id, 0)
    assert panel.selected() == []
    panel.reload()
    assert panel.selected() == [(job.job_id, 0)]


def test_space_covers_the_window_with_the_picture_and_puts_it_away_again(
    panel: GalleryPanel, view: GalleryView, heard: Heard, made: Make, qtbot: QtBot
) -> None:
    job = made(pictures=2)
    panel.reload()
    panel.select(job.job_id, 0)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    look = panel.findChild(QuickLook, "quick_look")
    assert look.isVisible() and look.size() == panel.window().size() and look.is_sharp
    assert heard.asked == [("quick_look_requested", job.job_id, 0)]
    qtbot.keyClick(look, Qt.Key.Key_Right)
    assert look.cell is not None and look.cell.key == (job.job_id, 1)
    assert panel.selected() == [(job.job_id, 1)]
    qtbot.keyClick(look, Qt.Key.Key_Right)
    assert look.cell.key == (job.job_id, 1)
    panel.resize(700, 500)
    assert look.size() == panel.size()
    qtbot.keyClick(look, Qt.Key.Key_Space)
    assert not look.isVisible()


def test_the_grid_takes_as_many_columns_as_fit_and_fills_the_width(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    made(pictures=15)
    panel.reload()
    for width in (200, 300, 420, 700, 1000):
        panel.resize(width, 500)
        qtbot.wait(20)
        rects = [view.visualRect(view.model().index(row)) for row in range(15)]
        columns = sum(rect.top() == rects[0].top() for rect in rects)
        assert columns == max(1, width // 130) or abs(columns - width / 130) < 1
        assert max(rect.right() for rect in rects) <= view.viewport().width()
        assert rects[1].left() - rects[0].left() >= 116 or columns == 1
        assert max(rect.right() for rect in rects) > view.viewport().width() * (0.6 if columns == 1 else 0.9)


@pytest.mark.usefixtures("appearance")
def test_cells_stay_where_they_are_when_the_scroll_bar_comes(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    made(pictures=4)
    panel.reload()
    panel.resize(272, 500)
    qtbot.wait(20)
    assert not view.verticalScrollBar().isVisible()
    before = [view.visualRect(view.model().index(row)).translated(view.viewport().pos()) for row in range(4)]

    made(pictures=4)
    panel.reload()
    qtbot.waitUntil(view.verticalScrollBar().isVisible)

    after = [view.visualRect(view.model().index(row)).translated(view.viewport().pos()) for row in range(4)]
    assert after == before


def test_pictures_stand_in_line_with_the_search_field(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    made(pictures=2)
    panel.reload()
    panel.resize(272, 500)
    qtbot.wait(20)
    rects = [view.visualRect(view.model().index(row)).translated(view.viewport().pos()) for row in range(2)]
    left, right = picture_rect(rects[0]).left(), picture_rect(rects[1]).right()

    search = panel.findChild(GallerySearch)
    assert left == search.mapTo(panel, QPoint(0, 0)).x() == panel.width() - 1 - right


def test_a_gallery_that_was_hidden_asks_for_its_pictures_when_it_comes(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    made()
    panel.hide()
    panel.reload()
    thumbnails = panel.findChild(Thumbnails)
    cell = panel.model.cell(0)
    qtbot.wait(50)
    assert thumbnails.tile(cell) is None
    panel.show()
    qtbot.waitUntil(lambda: thumbnails.tile(cell) is not None)


def test_a_problem_is_told_in_place(panel: GalleryPanel, made: Make, store: JobStore) -> None:
    job = made()
    panel.reload()
    store.output_path(job, job.outputs[0]).unlink()
    panel.select(job.job_id, 0)
    from qie_desktop.ui.gallery.gallery_actions import GalleryAction

    panel.perform(GalleryAction.COPY_IMAGE)
    assert "no longer there" in panel.findChild(GalleryNotice).text


def test_pictures_are_painted_crisp_and_where_they_belong(
    panel: GalleryPanel, view: GalleryView, made: Make, qtbot: QtBot
) -> None:
    made()
    panel.reload()
    qtbot.wait(60)
    shot = view.viewport().grab().toImage()
    centre = view.visualRect(view.model().index(0)).center() * shot.devicePixelRatio()
    colour = shot.pixelColor(centre)
    assert (abs(colour.red() - 0), abs(colour.green() - 90), abs(colour.blue() - 200)) < (12, 12, 12)
