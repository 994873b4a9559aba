"""Thousands of pictures: the window goes on answering, and memory stays bounded."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.gallery.cells import GalleryFilter, cells_of
from qie_desktop.ui.gallery.gallery_view import GalleryView
from qie_desktop.ui.gallery.job_facts import facts_of
from qie_desktop.ui.gallery.panel import GalleryPanel
from qie_desktop.ui.gallery.thumbnails import Thumbnails
from qie_desktop.ui.session import Session
from tests.ui.gallery.many_jobs import generate_jobs

pytestmark = pytest.mark.slow

GAP_S = 0.05
GROWTH_BYTES = 300 * 1024 * 1024
STEPS = 150
TRIES = 4


def queued_s() -> float:
    """Return for how long this thread was ready and the machine was busy with others, as far as it tells."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Watchdog(QObject):
    """Notes the longest time that the GUI thread did not come round, though it had a processor."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.longest_s = 0.0
        self._last_s = time.perf_counter() - queued_s()
        self._timer = QTimer(self, interval=1)
        self._timer.timeout.connect(self._on_timeout)
        self._timer.start()

    def _on_timeout(self) -> None:
        now_s = time.perf_counter() - queued_s()
        self.longest_s = max(self.longest_s, now_s - self._last_s)
        self._last_s = now_s


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


def scroll_at_best(count: int, pool: Session, qtbot: QtBot) -> None:
    """Take the best of a few tries: a gap of ours is there each time, one of a busy machine is not."""
    pool.store.refresh()
    gaps_s = [scroll_through(count, pool, qtbot)]
    while gaps_s[-1] >= GAP_S and len(gaps_s) < TRIES:
        gaps_s.append(scroll_through(count, pool, qtbot))
    assert min(gaps_s) < GAP_S, gaps_s


def scroll_through(count: int, pool: Session, qtbot: QtBot) -> float:
    """Load, scroll from end to end, and return the longest gap in seconds."""
    memory = psutil.Process()
    gc.collect()
    gc.freeze()  # what the test run itself has built up is not the gallery's to carry
    panel = GalleryPanel(pool)
    qtbot.addWidget(panel)
    panel.resize(420, 800)
    panel.show()
    qtbot.waitExposed(panel)
    before = memory.memory_info().rss
    watchdog = Watchdog(panel)
    with qtbot.waitSignal(panel.model.listing_finished, timeout=60_000):
        panel.reload()
    assert panel.model.rowCount() == count
    view = panel.findChild(GalleryView, "gallery")
    thumbnails = panel.findChild(Thumbnails)
    bar = view.verticalScrollBar()
    for step in range(STEPS + 1):
        bar.setValue(bar.maximum() * step // STEPS)
        qtbot.wait(5)
        assert thumbnails.waiting_count < 40
    longest_s = watchdog.longest_s
    assert bar.value() == bar.maximum()
    assert view.visible_cells()[-1] is panel.model.cell(count - 1)
    qtbot.waitUntil(
        lambda: all(thumbnails.tile(cell) is not None for cell in view.visible_cells()), timeout=10_000
    )
    assert thumbnails.byte_count <= 64 * 1024 * 1024
    assert memory.memory_info().rss - before < GROWTH_BYTES
    panel.close()
    gc.unfreeze()
    return longest_s


def test_two_thousand_pictures_scroll_end_to_end_without_a_gap(
    store: JobStore, made: Callable[..., Job], pool: Session, qtbot: QtBot
) -> None:
    generate_jobs(store, made(), 1999)
    scroll_at_best(2000, pool, qtbot)


@pytest.mark.slow
def test_ten_thousand_pictures_scroll_end_to_end_without_a_gap(
    store: JobStore, made: Callable[..., Job], pool: Session, qtbot: QtBot
) -> None:
    generate_jobs(store, made(), 9999)
    scroll_at_best(10_000, pool, qtbot)


def test_thumbnails_that_are_scrolled_away_are_not_decoded_any_more(
    store: JobStore, made: Callable[..., Job], session: Session, qtbot: QtBot
) -> None:
    class Held:
        """Keeps the work until it is let go."""

        def __init__(self) -> None:
            self.held: list[tuple[Callable[[], object], Callable[[object], None]]] = []

        def run(
            self, work: Callable[[], object], done: Callable[[object], None], failed: object = None
        ) -> None:
            del failed
            self.held.append((work, done))

    generate_jobs(store, made(), 60)
    listed = store.list()
    held = Held()
    thumbnails = Thumbnails(replace(session, background=held))

    cells = [cell for job in listed for cell in cells_of(facts_of(job), job.state, GalleryFilter())]
    thumbnails.want(cells[:20], 64, 1.0)
    assert len(held.held) == 2
    thumbnails.want(cells[40:50], 64, 1.0)
    while held.held:
        work, done = held.held.pop(0)
        done(work())
    there = [number for number, cell in enumerate(cells) if thumbnails.tile(cell) is not None]
    assert there == [0, 1, *range(40, 50)]
    thumbnails.deleteLater()


def test_tiles_used_least_lately_are_let_go_of(session: Session, made: Callable[..., Job]) -> None:

    tile_bytes = 64 * 64 * 4
    thumbnails = Thumbnails(session, limit_bytes=3 * tile_bytes)
    cells = cells_of(facts_of(job := made(pictures=5)), job.state, GalleryFilter())
    thumbnails.want(cells, 64, 1.0)
    assert thumbnails.byte_count == 3 * tile_bytes
    assert [thumbnails.tile(cell) is not None for cell in cells] == [False, False, True, True, True]
    thumbnails.deleteLater()
