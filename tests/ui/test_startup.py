from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState
from qie_desktop.core.model import Place
from qie_desktop.services import engine_room
from qie_desktop.services.engine_room import EngineRoom
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.window_state import WindowState
from tests.ui.bench import Bench

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A cloud that can be reached."""
    cloud = Bench(remembers=True)
    room = EngineRoom({Place.LOCAL: Bench(), Place.CLOUD: cloud})
    monkeypatch.setattr(engine_room, "build_engine_room", lambda *_arguments, **_options: room)
    return cloud


def cut_off(store: JobStore, job: Job, remote: dict[str, str] | None = None) -> None:
    """Leave a job on disk as a killed program does."""
    store.update(job.job_id, lambda current: replace(current.moved_to(JobState.RUNNING), remote=remote or {}))


def test_cloud_job_that_was_cut_off_is_finished(
    qtbot: QtBot, open_window: OpenWindow, store: JobStore, make: Callable[..., Job], cloud: Bench
) -> None:
    paid, unsent = make("qwen-image-edit"), make("qwen-image-edit")
    cut_off(store, paid, {"prediction": "p1"})
    cut_off(store, unsent)
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: window.session.store.load(paid.job_id).state is JobState.SUCCEEDED)
    assert cloud.order == [paid.job_id]
    assert window.session.store.load(unsent.job_id).state is JobState.INTERRUPTED
    # It comes by itself: the viewer is left alone.
    assert window.viewer.shown_job() is None


def test_cloud_job_that_was_kept_in_the_queue_is_run(
    qtbot: QtBot,
    open_window: OpenWindow,
    folder: DataFolder,
    store: JobStore,
    make: Callable[..., Job],
    cloud: Bench,
) -> None:
    kept = make("qwen-image-edit")
    WindowState(folder.home / "window.json").remember(kept_jobs=(kept.job_id,))
    store.close()
    window = open_window()
    qtbot.waitUntil(lambda: window.session.store.load(kept.job_id).state is JobState.SUCCEEDED)
    assert cloud.order == [kept.job_id]
    assert WindowState(folder.home / "window.json").remembered.kept_jobs == ()


def test_cloud_job_waits_for_a_token_where_there_is_none(
    qtbot: QtBot, open_window: OpenWindow, store: JobStore, make: Callable[..., Job]
) -> None:
    paid = make("qwen-image-edit")
    cut_off(store, paid, {"prediction": "p1"})
    store.close()
    window = open_window()
    with qtbot.waitSignal(window.session.jobs.ended) as ended:
        pass
    assert ended.args[0].state is JobState.INTERRUPTED
    assert window.machinery.runner.active() == ()
    assert dict(window.session.store.load(paid.job_id).remote) == {"prediction": "p1"}


def test_fresh_folder_begins_with_a_model_that_runs(qtbot: QtBot, open_window: OpenWindow) -> None:
    window = open_window()
    assert window.draft.spec.id == "starter"
    qtbot.wait(200)
    assert window.session.readiness(window.draft.spec, None) is None


def test_bad_setting_is_named_and_not_fatal(open_window: OpenWindow, folder: DataFolder) -> None:
    folder.home.mkdir()
    folder.config.write_text('[general]\ntheme = "purple"\n')
    window = open_window()
    assert window.session.settings.problems
    bar = window.findChild(QWidget, "message_bar")
    assert bar is not None
    assert bar.isVisible()


def start(home: Path, *files: Path) -> subprocess.Popen[str]:
    environment = os.environ | {
        "QIE_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "qie_desktop", *map(str, files)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_program_is_one_window_for_each_data_folder_and_ends_when_told(
    qtbot: QtBot, tmp_path: Path, photo: Path
) -> None:
    home = tmp_path / "data"
    first = start(home)
    try:
        qtbot.waitUntil((home / ".window.lock").exists, timeout=20_000)
        second = start(home, photo)
        _, errors = second.communicate(timeout=20)
        assert second.returncode == 0, errors
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=20)
    assert first.returncode == 0
