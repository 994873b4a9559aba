"""Errors and other messages over the picture."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core import cloud_errors, errors
from qie_desktop.core.errors import CredentialsMissing, EngineError, ErrorInfo, OutOfMemory
from qie_desktop.core.events import Failed
from qie_desktop.core.job import Job, JobState
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.viewer.message_bar import Kind, Message, MessageBar
from qie_desktop.ui.viewer.messages import message_of
from qie_desktop.ui.viewer.panel import ViewerPanel
from qie_desktop.ui.viewer.remedies import REMEDIES, RETRY, remedies_for
from tests.ui.conftest import RecordingJobs

T = TypeVar("T", bound=QWidget)

FAILURE = OutOfMemory("There was not enough memory.", "Choose a smaller quantisation.").info()


def find(panel: QWidget, kind: type[T], name: str) -> T:
    found = panel.findChild(kind, name)
    assert isinstance(found, kind)
    return found


@pytest.fixture
def bar(panel: ViewerPanel) -> MessageBar:
    return find(panel, MessageBar, "message_bar")


def remedies(bar: MessageBar) -> list[str]:
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    return [button.text() for button in bar.findChildren(QPushButton) if button.isVisible()]


def test_an_error_says_what_happened_and_what_to_do(panel: ViewerPanel, bar: MessageBar) -> None:
    assert not bar.isVisible()
    panel.show_error(FAILURE, "20261122-101530-7f3a")
    assert bar.isVisible()
    assert find(bar, QLabel, "message_title").text() == FAILURE.message
    assert find(bar, QLabel, "message_hint").text() == FAILURE.hint
    assert bar.accessibleName() == f"{FAILURE.message} {FAILURE.hint}"
    assert panel.rect().contains(bar.geometry())
    assert not QApplication.activeModalWidget()


def test_it_does_not_take_the_keyboard(panel: ViewerPanel, bar: MessageBar) -> None:
    canvas = find(panel, QWidget, "viewer")
    canvas.setFocus()
    focus = QApplication.focusWidget()
    panel.show_error(FAILURE)
    assert QApplication.focusWidget() is focus
    assert not bar.hasFocus()


def test_retry_asks_for_the_job_to_be_run_again(panel: ViewerPanel, bar: MessageBar, qtbot: QtBot) -> None:
    panel.show_error(EngineError("The model stopped.", "Try again.").info(), "20261122-101530-7f3a")
    assert remedies(bar) == ["Retry"]
    with qtbot.waitSignal(panel.retry_requested) as asked:
        qtbot.mouseClick(find(bar, QPushButton, "remedy_0"), Qt.MouseButton.LeftButton)
    assert asked.args == ["20261122-101530-7f3a"]
    assert not bar.isVisible()


def test_what_cannot_be_retried_is_not_offered(panel: ViewerPanel, bar: MessageBar) -> None:
    panel.show_error(EngineError("The model stopped.", "Try again.").info())
    assert remedies(bar) == []
    panel.show_error(FAILURE)
    assert remedies(bar) == ["Choose Smaller Quantisation…"]


def test_a_remedy_asks_for_help_with_its_error(panel: ViewerPanel, bar: MessageBar, qtbot: QtBot) -> None:
    panel.show_error(CredentialsMissing("Seedream 4 needs a token.", "Add one.").info(), "a-job")
    assert remedies(bar) == ["Add Token…", "Retry"]
    with qtbot.waitSignal(panel.help_requested) as asked:
        qtbot.mouseClick(find(bar, QPushButton, "remedy_0"), Qt.MouseButton.LeftButton)
    assert asked.args == ["credentials_missing"]


def test_a_second_message_takes_the_place_of_the_first_and_is_as_high_as_it_needs(
    panel: ViewerPanel, bar: MessageBar
) -> None:
    panel.show_error(CredentialsMissing("Seedream 4 needs a token.", "Add one.").info())
    alone = bar.height()
    panel.show_error(FAILURE, "a-job")
    panel.show_error(CredentialsMissing("Seedream 4 needs a token.", "Add one.").info())
    assert remedies(bar) == ["Add Token…"]
    assert bar.height() == alone
    button = find(bar, QPushButton, "remedy_0")
    assert bar.rect().contains(button.geometry())


def test_details_can_be_seen_and_copied(
    panel: ViewerPanel, bar: MessageBar, finished: Callable[..., Job], qtbot: QtBot
) -> None:
    job = finished()
    panel.show_job(job)
    panel.show_error(FAILURE, job.job_id)
    details = find(bar, QLabel, "message_details")
    height = bar.height()
    assert not details.isVisible()
    qtbot.mouseClick(find(bar, QToolButton, "details_toggle"), Qt.MouseButton.LeftButton)
    assert details.isVisible()
    assert bar.height() > height
    qtbot.mouseClick(find(bar, QToolButton, "copy_details"), Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    for fact in (FAILURE.message, FAILURE.hint, FAILURE.code, job.job_id, "starter", "invert it"):
        assert fact in copied
    qtbot.mouseClick(find(bar, QToolButton, "details_toggle"), Qt.MouseButton.LeftButton)
    assert bar.height() == height


@pytest.mark.parametrize("how", ["click", "escape"])
def test_it_is_closed_by_a_click_or_escape(
    panel: ViewerPanel, bar: MessageBar, qtbot: QtBot, how: str
) -> None:
    panel.show_error(FAILURE)
    close = find(bar, QToolButton, "close_message")
    assert close.accessibleName()
    with qtbot.waitSignal(bar.closed):
        if how == "click":
            qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
        else:
            qtbot.keyClick(close, Qt.Key.Key_Escape)
    assert not bar.isVisible()


def test_all_its_controls_are_reached_by_tab(panel: ViewerPanel, bar: MessageBar, qtbot: QtBot) -> None:
    panel.show_error(FAILURE, "a-job")
    qtbot.mouseClick(find(bar, QToolButton, "details_toggle"), Qt.MouseButton.LeftButton)
    first = find(bar, QPushButton, "remedy_0")
    first.setFocus()
    reached: list[str] = []
    for _ in range(5):
        focused = QApplication.focusWidget()
        assert focused is not None
        reached.append(focused.objectName())
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert reached == ["remedy_0", "remedy_1", "details_toggle", "copy_details", "close_message"]


@pytest.mark.parametrize("width", [380, 460, 900])
@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_is_cut_off_however_narrow_the_window(
    panel: ViewerPanel, bar: MessageBar, width: int, kind: Kind
) -> None:
    panel.resize(width, 500)
    smaller = REMEDIES[OutOfMemory.code]
    assert smaller is not None
    title = "The picture could not be made because something rather long to tell has happened."
    panel.show_message(Message(kind, title, "Try something else. " * 3, (smaller, RETRY), "details"))
    for label in bar.findChildren(QLabel):
        if label.isVisible() and label.text():
            assert label.height() >= label.heightForWidth(label.width())
    for button in bar.findChildren(QPushButton):
        assert button.width() >= button.sizeHint().width()
        assert bar.rect().contains(button.geometry())


def every_error() -> list[type[errors.QieError]]:
    return [
        item
        for module in (errors, cloud_errors)
        for _, item in inspect.getmembers(module, inspect.isclass)
        if issubclass(item, errors.QieError)
        and item is not errors.QieError
        and item.__module__ == module.__name__
    ]


def test_remedies_are_only_for_errors_that_there_are() -> None:
    assert set(REMEDIES) <= {error.code for error in every_error()}


@pytest.mark.parametrize("error", every_error())
def test_every_failure_of_a_job_offers_something_but_for_those_that_words_alone_help(
    error: type[errors.QieError],
) -> None:
    offered = remedies_for(error.code, can_retry=True)
    assert bool(offered) == (REMEDIES.get(error.code, RETRY) is not None)
    assert len(offered) == len(set(offered)) <= 2


def test_hint_that_names_the_command_line_is_said_otherwise() -> None:
    full = errors.DiskFull(
        "There is no room left.", "Make room, for example with `qie cleanup`, and try again."
    )
    assert message_of(full.info()).hint == "Make room on the disk, and try again."
    held_back = cloud_errors.SpendingCapReached("This would bring it above the cap.", "Run it with --yes.")
    assert message_of(held_back.info()).hint == ""


def test_long_message_has_its_first_sentence_as_the_title() -> None:
    refused = cloud_errors.ContentRefused("The checker refused this. It was flagged. (E005)", "Word it anew.")
    message = message_of(refused.info())
    assert message.title == "The checker refused this."
    assert message.hint == "It was flagged. (E005) Word it anew."


def test_an_unknown_error_can_be_retried() -> None:
    assert remedies_for("something_of_a_provider", can_retry=True) == (RETRY,)


def failed(store: JobStore, job: Job, error: ErrorInfo = FAILURE) -> Job:
    store.update(job.job_id, lambda current: current.moved_to(JobState.RUNNING))
    return store.update(job.job_id, lambda current: current.moved_to(JobState.FAILED, error=error))


def test_a_job_that_fails_is_told_of_over_its_input(
    panel: ViewerPanel, bar: MessageBar, jobs: RecordingJobs, make: Callable[..., Job], store: JobStore
) -> None:
    job = make()
    jobs.begin(job)
    panel.show_job(job)
    jobs.end(failed(store, job), Failed(job.job_id, FAILURE))
    assert bar.isVisible()
    assert remedies(bar) == ["Choose Smaller Quantisation…", "Retry"]
    panel.show_job(make())
    assert not bar.isVisible()


def test_a_job_that_fails_unseen_is_told_of_too(
    panel: ViewerPanel,
    bar: MessageBar,
    jobs: RecordingJobs,
    make: Callable[..., Job],
    store: JobStore,
    qtbot: QtBot,
) -> None:
    seen, unseen = make(), make()
    panel.show_job(seen)
    jobs.begin(unseen)
    jobs.end(failed(store, unseen), Failed(unseen.job_id, FAILURE))
    assert bar.isVisible()
    assert panel.shown_job() == seen
    with qtbot.waitSignal(panel.retry_requested) as asked:
        qtbot.mouseClick(find(bar, QPushButton, "remedy_1"), Qt.MouseButton.LeftButton)
    assert asked.args == [unseen.job_id]


def test_an_old_job_that_failed_says_so_when_it_is_looked_at(
    panel: ViewerPanel, bar: MessageBar, make: Callable[..., Job], store: JobStore
) -> None:
    panel.show_job(failed(store, make()))
    assert bar.isVisible()


def test_a_cancelled_job_is_no_error(
    panel: ViewerPanel, bar: MessageBar, jobs: RecordingJobs, make: Callable[..., Job], store: JobStore
) -> None:
    job = make()
    jobs.begin(job)
    panel.show_job(job)
    jobs.end(store.update(job.job_id, lambda current: current.moved_to(JobState.CANCELLED)))
    assert not bar.isVisible()


def test_a_request_that_never_became_a_job_is_told_of(
    panel: ViewerPanel, bar: MessageBar, jobs: RecordingJobs, make: Callable[..., Job]
) -> None:
    request = make().request
    panel.clear()
    jobs.refused.emit(replace(request, prompt=""), errors.InvalidRequest("prompt", "The prompt is empty."))
    assert find(bar, QLabel, "message_title").text() == "The prompt is empty."
    assert not find(bar, QLabel, "message_hint").isVisible()


def test_a_file_that_is_no_picture_is_told_of(panel: ViewerPanel, bar: MessageBar, tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("no picture at all, but long enough to be looked at")
    panel.show_input(path)
    assert bar.isVisible()
    assert "notes.png" in find(bar, QLabel, "message_title").text()
    assert remedies(bar) == ["Choose Another Image…"]
