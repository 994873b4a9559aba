from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import ErrorInfo
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_files import NewOutput
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.about import AboutBox, app_icon
from qie_desktop.ui.sheets.get_info import GetInfo

Keep = Callable[[Any], Any]
Make = Callable[..., Job]


def finished(store: JobStore, job: Job) -> Job:
    store.write_output(job, NewOutput(0, Image.new("RGB", (150, 100), "red")))
    job = store.load(job.job_id).moved_to(JobState.RUNNING)
    assert job.started_at is not None
    job = job.moved_to(JobState.SUCCEEDED, job.started_at + timedelta(seconds=12.3))
    store.save(job)
    return job


def copied(info: GetInfo, qtbot: QtBot) -> str:
    qtbot.mouseClick(info.findChild(QPushButton, "copy_info_button"), Qt.MouseButton.LeftButton)
    return QApplication.clipboard().text()


def test_everything_of_a_finished_job_is_told(session: Session, make: Make, kept: Keep, qtbot: QtBot) -> None:
    job = finished(session.store, make(seed=42, steps=3))

    text = copied(kept(GetInfo(session, job)), qtbot)

    folder = session.store.folder(job.job_id)
    for line in ("Model: Starter", "Prompt: invert it", "Seed: 42", "Steps: 3", "State: Succeeded"):
        assert line in text.splitlines()
    assert "Took: 12.3 s" in text
    assert "Cost: Free" in text
    assert "photo.png, 150×100 px" in text
    for name in ("input_1.png", "output_0.png"):
        assert str(folder / name) in text
    assert job.job_id in text


def test_a_choice_is_called_by_its_label(session: Session, make: Make, kept: Keep, qtbot: QtBot) -> None:
    job = make("qwen-image-edit-2509-gguf", quality="lightning-8")

    assert "Quality: Lightning · 8 steps" in copied(kept(GetInfo(session, job)), qtbot)


def test_a_cloud_job_tells_its_cost_and_a_failed_one_why(
    session: Session, make: Make, kept: Keep, qtbot: QtBot
) -> None:
    job = make("qwen-image", inputs=[])
    job = replace(job, state=JobState.FAILED, error=ErrorInfo("x", "The provider said no.", "Try later."))

    text = copied(kept(GetInfo(session, job)), qtbot)

    assert "Cost: About $0.025" in text
    assert "What went wrong: The provider said no. Try later." in text


def test_a_job_of_a_model_that_is_no_longer_there_is_told_by_its_id(
    session: Session, make: Make, kept: Keep, qtbot: QtBot
) -> None:
    job = make(seed=1)
    job = replace(job, request=replace(job.request, model_id="gone-1"))

    assert "Model: gone-1" in copied(kept(GetInfo(session, job)), qtbot)


def test_a_file_that_is_gone_is_said_to_be(session: Session, make: Make, kept: Keep, qtbot: QtBot) -> None:
    job = make()
    (session.store.folder(job.job_id) / "input_1.png").unlink()

    assert "no longer there" in copied(kept(GetInfo(session, job)), qtbot)


def test_a_job_that_is_gone_is_told_in_place(session: Session, make: Make, kept: Keep) -> None:
    job = make()
    session.store.claims.drop_all()
    session.store.delete([job.job_id])

    info = kept(GetInfo(session, job))

    assert job.job_id in info.findChild(QLabel, "info_status").text()
    assert not info.findChild(QPushButton, "show_files_button").isEnabled()


def test_its_folder_can_be_shown(
    session: Session, make: Make, kept: Keep, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    job = make()

    button = kept(GetInfo(session, job)).findChild(QPushButton, "show_files_button")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    assert [Path(url.toLocalFile()) for url in opened] == [session.store.folder(job.job_id)]


def test_about_tells_the_version_and_shows_the_icon(kept: Keep) -> None:
    from qie_desktop import __version__

    box = kept(AboutBox())

    assert any(__version__ in label.text() for label in box.findChildren(QLabel))
    assert {size.width() for size in app_icon().availableSizes()} >= {16, 32, 128, 256, 512, 1024}


def test_the_memory_that_was_expected_and_that_was_taken_are_told(
    session: Session, make: Make, kept: Keep, qtbot: QtBot
) -> None:
    job = finished(session.store, make())
    job = replace(job, measured={"planned_peak_bytes": 10.2e9, "peak_bytes": 9.8e9})

    text = copied(kept(GetInfo(session, job)), qtbot)

    assert "Memory expected: 10.2 GB" in text
    assert "Memory at most: 9.8 GB" in text
