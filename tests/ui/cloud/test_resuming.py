"""Jobs that were cut off: finished by themselves at the next start, or by Retry, and paid for once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState
from qie_desktop.core.request import Request
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from tests.support.replicate.faults import UNAUTHENTICATED, AsUsual, withheld
from tests.support.replicate.lives import ENDLESS, Life
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import TIMEOUT_MS, Front
from tests.ui.sheets.conftest import MemoryKeychain

OpenFront = Callable[..., Front]
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def killed_in_the_end(home: Path, server: ReplicateServer) -> Iterator[None]:
    """Run one cloud job in the window of another process, which is killed with SIGKILL."""
    environment = os.environ | server.environ
    environment |= {
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(Path(__file__).with_name("window_to_kill.py")), str(home), "a red fox"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def left_by(folder: DataFolder) -> Job:
    """Return the one job that is on disk."""
    store = JobStore(folder)
    [job] = store.list()
    store.close()
    return job


def remembered(folder: DataFolder, name: str) -> bool:
    """Whether something is on disk of the one job that there is, if there is one yet."""
    store = JobStore(folder)
    jobs = store.list() if folder.jobs.is_dir() else []
    store.close()
    return any(job.remote.get(name) for job in jobs)


def test_job_of_a_killed_window_is_finished_at_the_next_start(
    qtbot: QtBot, server: ReplicateServer, folder: DataFolder, known_token: str, open_front: OpenFront
) -> None:
    server.next(Life(processing=ENDLESS))
    with killed_in_the_end(folder.home, server):
        qtbot.waitUntil(lambda: remembered(folder, "prediction"), timeout=TIMEOUT_MS)
    assert left_by(folder).state is JobState.RUNNING
    [prediction] = server.created
    server.release(prediction)
    front = open_front()
    [job] = front.wait_ended()
    assert (job.job_id, job.state) == (left_by(folder).job_id, JobState.SUCCEEDED)
    assert server.created == [prediction]
    assert len(server.requests_to(Kind.CREATE)) == 1
    front.wait(lambda: front.window.gallery.model.rowCount() == 1)
    assert front.bar_text() == ""


def test_job_that_was_killed_while_it_was_sent_is_found_again(
    qtbot: QtBot, server: ReplicateServer, folder: DataFolder, known_token: str, open_front: OpenFront
) -> None:
    server.faults.on(Kind.CREATE, withheld(after=True))
    with killed_in_the_end(folder.home, server):
        server.wait_for_created(timeout_s=TIMEOUT_MS / 1000)
    left = left_by(folder)
    assert (left.remote.get("prediction"), bool(left.remote["creating"])) == (None, True)
    front = open_front()
    [job] = front.wait_ended()
    assert job.state is JobState.SUCCEEDED
    [prediction] = server.created
    assert job.remote["prediction"] == prediction.id


def test_job_that_was_killed_before_anything_came_of_it_is_for_the_person_to_say(
    qtbot: QtBot, server: ReplicateServer, folder: DataFolder, known_token: str, open_front: OpenFront
) -> None:
    server.faults.on(Kind.CREATE, withheld(after=False))
    with killed_in_the_end(folder.home, server):
        server.wait_for(Kind.CREATE, timeout_s=TIMEOUT_MS / 1000)
    front = open_front()
    [job] = front.wait_ended()
    assert job.error is not None
    assert job.error.code == "outcome_unknown"
    front.wait(lambda: front.remedies() == ["Run Again", "See Predictions…"])
    assert server.created == []


def interrupted(front: Front, server: ReplicateServer, request: Request) -> Job:
    """Leave a job interrupted in the window: its prediction runs, and the token is refused meanwhile."""
    server.next(Life(processing=ENDLESS))
    server.faults.on(Kind.POLL, AsUsual(), UNAUTHENTICATED)
    front.submit(request)
    [job] = front.wait_ended()
    assert job.state is JobState.INTERRUPTED
    server.release(server.created[0])
    return job


def test_retry_in_the_bar_finishes_what_is_paid_for(
    front: Front, server: ReplicateServer, wish: Callable[..., Request]
) -> None:
    job = interrupted(front, server, wish())
    front.wait(front.bar_text)
    assert "Retry finishes it: it costs nothing more." in front.bar_text()
    assert front.remedies() == ["Replace Token…", "Retry"]
    front.click(front.remedy(1))
    again = front.wait_ended(2)[1]
    assert (again.job_id, again.state) == (job.job_id, JobState.SUCCEEDED)
    assert len(server.created) == 1
    assert front.window.viewer.shown_job() == again
    assert front.window.gallery.model.rowCount() == 1


def test_retry_in_its_cell_finishes_it_once_however_often_it_is_clicked(
    front: Front, server: ReplicateServer, wish: Callable[..., Request]
) -> None:
    job = interrupted(front, server, wish())
    for _ in range(3):
        front.window.gallery.retry_requested.emit(job.job_id)
    assert front.wait_ended(2)[1].state is JobState.SUCCEEDED
    assert len(server.created) == 1
    assert front.ear.refused == []
    front.qtbot.wait(100)
    assert front.window.session.store.count() == 1


def test_new_seed_is_a_new_job_and_leaves_the_old_one_to_be_finished(
    front: Front, server: ReplicateServer, wish: Callable[..., Request]
) -> None:
    job = interrupted(front, server, wish())
    front.window.gallery.run_again.emit(job.job_id)
    other = front.wait_ended(2)[1]
    assert other.job_id != job.job_id
    assert other.request.seed != job.request.seed
    assert len(server.created) == 2
    assert front.job(job.job_id).state is JobState.INTERRUPTED


def test_job_that_waits_for_a_token_goes_on_once_it_is_stored(
    server: ReplicateServer,
    keychain: MemoryKeychain,
    open_front: OpenFront,
    wish: Callable[..., Request],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", server.token)
    first = open_front()
    interrupted(first, server, wish())
    first.close()
    monkeypatch.delenv("REPLICATE_API_TOKEN")
    assert keychain.passwords == {}
    front = open_front()
    front.wait(lambda: "A cloud job waits to be finished." in front.bar_text())
    assert front.remedies() == ["Add Token…"]
    front.click(front.remedy())
    front.qtbot.keyClicks(front.find(QLineEdit, "token_field"), server.token)
    front.click(front.find(QPushButton, "accept_token_button"))
    [job] = front.wait_ended()
    assert job.state is JobState.SUCCEEDED
    assert len(server.created) == 1
    front.wait(lambda: front.window.findChild(QDialog, "token_sheet") is None)
