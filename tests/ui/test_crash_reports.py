from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from qie_desktop.ui.crash_reports import CrashReports


@pytest.fixture
def reports(qtbot: QtBot) -> Iterator[CrashReports]:
    del qtbot
    reports = CrashReports()
    reports.install()
    yield reports
    reports.uninstall()


def raised(error: Exception) -> None:
    try:
        raise error
    except type(error):
        sys.excepthook(*sys.exc_info())


def test_report_has_the_traceback_and_no_secret(
    qtbot: QtBot, reports: CrashReports, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), qtbot.waitSignal(reports.reported) as reported:
        raised(ValueError("token r8_abcdefghijklmnop"))
    [text] = reported.args
    assert "Traceback" in text
    assert "ValueError" in text
    assert "Qwen Image Editor" in text
    assert "abcdefgh" not in text
    assert "Traceback" in caplog.text


def test_exception_of_a_thread_is_reported_too(qtbot: QtBot, reports: CrashReports) -> None:
    def work() -> None:
        raise ZeroDivisionError("in a thread")

    with qtbot.waitSignal(reports.reported) as reported:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "in a thread" in reported.args[0]


def test_hooks_are_put_back(qtbot: QtBot) -> None:
    del qtbot
    before = (sys.excepthook, threading.excepthook)
    reports = CrashReports()
    reports.install()
    assert (sys.excepthook, threading.excepthook) != before
    reports.uninstall()
    assert (sys.excepthook, threading.excepthook) == before
