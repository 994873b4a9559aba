from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtGui import QGuiApplication, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job, JobState
from qie_desktop.ui import notices as notices_module
from qie_desktop.ui.notices import Notices
from qie_desktop.ui.session import Session
from tests.ui.conftest import RecordingJobs


@pytest.fixture
def told(qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    window = QWidget()
    qtbot.addWidget(window)
    notices = Notices(window, session)
    told: list[tuple[str, str]] = []
    notices.told.connect(lambda title, text: told.append((title, text)))
    in_the_background(monkeypatch)
    yield told
    window.close()


def in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    inactive = Qt.ApplicationState.ApplicationInactive
    monkeypatch.setattr(QGuiApplication, "applicationState", staticmethod(lambda: inactive))


def ended(job: Job, state: JobState) -> Job:
    return replace(job, state=state)


def test_ended_job_is_told_while_another_program_is_in_front(
    told: list[tuple[str, str]], jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    job = make(prompt="as if  at\nnight")
    jobs.begin(job)
    jobs.end(ended(job, JobState.SUCCEEDED))
    assert told == [("Your picture is ready", "as if at night")]
    jobs.end(ended(job, JobState.FAILED))
    assert told[1][0] == "A picture could not be made"


def test_cancelled_job_is_no_news(
    told: list[tuple[str, str]], jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    jobs.end(ended(make(), JobState.CANCELLED))
    assert told == []


def test_setting_turns_notifications_off(
    told: list[tuple[str, str]], jobs: RecordingJobs, make: Callable[..., Job], session: Session
) -> None:
    session.settings.set("general.notifications", False)
    jobs.end(ended(make(), JobState.SUCCEEDED))
    assert told == []


def test_nothing_is_told_while_the_window_is_in_front(
    told: list[tuple[str, str]],
    jobs: RecordingJobs,
    make: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    active = Qt.ApplicationState.ApplicationActive
    monkeypatch.setattr(QGuiApplication, "applicationState", staticmethod(lambda: active))
    jobs.end(ended(make(), JobState.SUCCEEDED))
    assert told == []


def test_badge_counts_the_jobs_that_are_queued_or_running(
    qtbot: QtBot,
    session: Session,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(notices_module, "_set_badge", counts.append)
    window = QWidget()
    qtbot.addWidget(window)
    notices = Notices(window, session)
    first, second = make(), make()
    jobs.begin(first)
    jobs.begin(second)
    jobs.end(ended(first, JobState.SUCCEEDED))
    jobs.end(ended(second, JobState.CANCELLED))
    notices.withdraw()
    assert counts == [1, 2, 1, 0, 0]


def test_long_prompt_is_shortened(
    told: list[tuple[str, str]], jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    jobs.end(ended(make(prompt="word " * 100), JobState.SUCCEEDED))
    assert len(told[0][1]) <= 80
    assert told[0][1].endswith("…")
