from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job
from qie_desktop.ui.macos.wakefulness import Wakefulness
from tests.ui.conftest import RecordingJobs


@pytest.fixture
def caffeinate(tmp_path: Path) -> Path:
    """A program that notes its arguments and then waits, as `caffeinate -w` does."""
    program = tmp_path / "caffeinate"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/arguments"\nexec sleep 60\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.fixture
def wakefulness(qtbot: QtBot, jobs: RecordingJobs, caffeinate: Path) -> Iterator[Wakefulness]:
    del qtbot
    parent = QObject()
    wakefulness = Wakefulness(parent, jobs, str(caffeinate))
    yield wakefulness
    wakefulness.close()
    parent.deleteLater()


def sleepers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name() == "sleep"]


def test_sleep_is_held_off_from_the_first_job_to_the_end_of_the_last(
    qtbot: QtBot, jobs: RecordingJobs, wakefulness: Wakefulness, caffeinate: Path, make: Callable[..., Job]
) -> None:
    assert not wakefulness.is_held
    first, second = make(), make()
    jobs.begin(first)
    jobs.begin(second)
    noted = caffeinate.with_name("arguments")
    qtbot.waitUntil(lambda: noted.exists() and len(sleepers()) == 1)
    assert noted.read_text().splitlines() == [f"-i -w {os.getpid()}"]
    jobs.end(first)
    assert wakefulness.is_held
    jobs.end(second)
    qtbot.waitUntil(lambda: not wakefulness.is_held)
    assert sleepers() == []


def test_next_job_holds_it_off_again(
    qtbot: QtBot, jobs: RecordingJobs, wakefulness: Wakefulness, make: Callable[..., Job]
) -> None:
    for _ in range(2):
        job = make()
        jobs.begin(job)
        qtbot.waitUntil(lambda: len(sleepers()) == 1)
        jobs.end(job)
        qtbot.waitUntil(lambda: not wakefulness.is_held)


def test_closing_while_a_job_runs_lets_the_machine_sleep(
    qtbot: QtBot, jobs: RecordingJobs, wakefulness: Wakefulness, make: Callable[..., Job]
) -> None:
    jobs.begin(make())
    qtbot.waitUntil(lambda: len(sleepers()) == 1)
    wakefulness.close()
    assert sleepers() == []


def test_job_runs_where_there_is_no_such_program(
    qtbot: QtBot,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    parent = QObject()
    wakefulness = Wakefulness(parent, jobs, str(tmp_path / "nothing"))
    jobs.begin(make())
    qtbot.waitUntil(lambda: "Sleep is not held off" in caplog.text)
    assert not wakefulness.is_held
    wakefulness.close()
    parent.deleteLater()
