"""Two hundred jobs through the whole window with the starter model, half of them cancelled on the way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from qie_desktop.core.events import Cancelled, Failed, Succeeded, Terminal
from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import build_request
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.main_window import MainWindow
from tests.ui.conftest import make_photo

pytestmark = pytest.mark.slow

JOBS = 200
TERMINAL_STATE = {Succeeded: JobState.SUCCEEDED, Failed: JobState.FAILED, Cancelled: JobState.CANCELLED}
MB = 1024 * 1024
GROWTH_BYTES = 40 * MB
"""Of the second half of the jobs over the first: what a job keeps would show a hundredfold."""


def test_two_hundred_jobs_half_of_them_cancelled_each_end_exactly_once(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "small.png", (96, 64))
    window = open_window()
    runner = window.machinery.runner
    told: list[Terminal] = []
    ended: list[Job] = []
    memory: list[int] = []
    runner.told.connect(lambda event: told.append(event) if isinstance(event, Terminal) else None)
    runner.ended.connect(ended.append)
    runner.ended.connect(lambda _job: memory.append(psutil.Process().memory_info().rss))
    chance = random.Random(11)
    for number in range(JOBS):
        runner.submit(build_request("starter", "make it sepia", [photo], {"steps": 2, "seed": number}))
    to_cancel = JOBS // 2
    while runner.is_busy:
        # Of those that wait, most often; of the one that runs, now and then.
        if to_cancel and (active := runner.active()):
            runner.cancel(active[0] if chance.random() < 0.3 else chance.choice(active))
            to_cancel -= 1
        qtbot.wait(chance.randrange(1, 400))
    assert to_cancel == 0
    assert len(ended) == JOBS
    assert Counter(event.job_id for event in told) == Counter({job.job_id: 1 for job in ended})
    states = {event.job_id: TERMINAL_STATE[type(event)] for event in told}
    assert set(states.values()) == {JobState.SUCCEEDED, JobState.CANCELLED}
    store = JobStore(window.session.folder)
    assert {job.job_id: job.state for job in store.list()} == states
    store.close()
    model = window.gallery.model
    shown = [model.cell(row) for row in range(model.rowCount())]
    assert {cell.job.job_id: cell.state for cell in shown} == states
    assert max(memory[JOBS // 2 :]) - max(memory[: JOBS // 2]) < GROWTH_BYTES
    assert window.shut_down()
    assert not runner.is_busy
