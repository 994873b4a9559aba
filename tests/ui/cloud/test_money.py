"""What a month costs: said in the settings, and asked about before it is above the cap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QMessageBox, QPushButton

from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from qie_desktop.storage.ledger import Ledger, Spending
from tests.support.replicate.lives import ENDLESS, Life, failing
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Front

Wish = Callable[..., Request]


def spend(front: Front, usd: float, job_id: str = "earlier") -> None:
    """Note in the ledger that something was spent this month."""
    ledger = Ledger(front.window.session.folder.ledger)
    ledger.add(Spending(datetime.now(UTC), job_id, "seedream-4", usd))


def question(front: Front) -> QMessageBox:
    front.wait(lambda: front.window.findChild(QMessageBox, "cap_question") is not None)
    return front.find(QMessageBox, "cap_question")


def answer(front: Front, *, run: bool) -> None:
    box = question(front)
    cancel = box.button(QMessageBox.StandardButton.Cancel)
    front.click(front.find(QPushButton, "run_anyway") if run else cancel)
    front.wait(lambda: front.window.findChild(QMessageBox, "cap_question") is not box)


@pytest.fixture
def capped(front: Front) -> Front:
    """A window in which $4.93 of a cap of $5.00 are spent."""
    front.window.session.settings.set("cloud.monthly_cap_usd", 5.0)
    spend(front, 4.93)
    return front


def test_run_that_would_pass_the_cap_asks_first_and_sends_nothing_before(
    capped: Front, server: ReplicateServer
) -> None:
    capped.choose("hunyuan-image-3")
    capped.type_prompt("a red fox")
    capped.press_run()
    box = question(capped)
    assert box.text() == "This would bring this month to ≈ $5.01; your cap is $5.00."
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
    assert capped.window.session.store.count() == 0
    answer(capped, run=False)
    capped.qtbot.wait(100)
    assert server.requests == []
    assert capped.window.session.store.count() == 0
    capped.press_run()
    answer(capped, run=True)
    assert capped.wait_ended()[0].state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_run_within_the_cap_asks_nothing(capped: Front, server: ReplicateServer, wish: Wish) -> None:
    capped.submit(wish("qwen-image-edit"))
    assert capped.wait_ended()[0].state is JobState.SUCCEEDED
    assert capped.window.findChild(QDialog, "cap_question") is None


def test_what_is_on_the_way_counts(capped: Front, server: ReplicateServer, wish: Wish) -> None:
    server.next(Life(processing=ENDLESS), Life(processing=ENDLESS))
    capped.submit(wish("qwen-image-edit", "one"), wish("qwen-image-edit", "two"))
    capped.window.session.jobs.submit(wish("qwen-image-edit", "three"))
    assert question(capped).text() == "This would bring this month to ≈ $5.02; your cap is $5.00."
    answer(capped, run=False)
    server.wait_for_created(2)
    for prediction in server.created:
        server.release(prediction)
    capped.wait_ended(2)
    assert len(server.created) == 2


def test_each_of_several_is_asked_about_by_what_was_answered_before(
    capped: Front, server: ReplicateServer, wish: Wish
) -> None:
    for prompt in ("one", "two", "three"):
        capped.window.session.jobs.submit(wish(prompt=prompt))
    # All of them are held back by now.
    capped.wait(lambda: not capped.runner.is_busy)
    answer(capped, run=True)
    assert "≈ $5.09" in question(capped).text()
    answer(capped, run=False)
    assert "≈ $5.09" in question(capped).text()
    answer(capped, run=False)
    capped.wait_ended()
    assert len(server.created) == 1


def test_what_was_refused_before_does_not_stay_behind_the_question(
    capped: Front, wish: Wish, photos: list[Path]
) -> None:
    request = wish("qwen-image-edit")
    photos[0].unlink()
    capped.window.session.jobs.submit(request)
    capped.wait(capped.bar_text)
    capped.window.session.jobs.submit(wish())
    question(capped)
    assert capped.bar_text() == ""
    answer(capped, run=False)


def test_retry_asks_too(capped: Front, server: ReplicateServer, wish: Wish) -> None:
    server.next(failing("E1001"))
    capped.submit(wish("qwen-image-edit"))
    [job] = capped.wait_ended()
    spend(capped, 0.05, "later")
    capped.wait(lambda: "Retry" in capped.remedies())
    capped.click(capped.remedy())
    assert "your cap is $5.00" in question(capped).text()
    answer(capped, run=False)
    assert len(server.created) == 1
    capped.window.session.jobs.retry(job.job_id, new_seed=True)
    answer(capped, run=True)
    assert capped.wait_ended(2)[1].state is JobState.SUCCEEDED


def test_escape_and_return_spend_nothing(capped: Front, server: ReplicateServer, wish: Wish) -> None:
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Return):
        capped.window.session.jobs.submit(wish())
        box = question(capped)
        capped.qtbot.keyClick(box, key)
        capped.wait(lambda: capped.window.findChild(QMessageBox, "cap_question") is None)
    assert server.requests == []


def test_ledger_is_never_read_on_the_gui_thread(
    capped: Front, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[threading.Thread] = set()
    entries = Ledger.entries

    def noted(ledger: Ledger) -> list[Spending]:
        threads.add(threading.current_thread())
        return entries(ledger)

    monkeypatch.setattr(Ledger, "entries", noted)
    capped.window.session.jobs.submit(wish())
    answer(capped, run=False)
    assert threads
    assert threading.main_thread() not in threads


def test_settings_tell_the_month_as_it_grows(front: Front, server: ReplicateServer, wish: Wish) -> None:
    spend(front, 4.10)
    front.window.dialogs.show_settings("cloud_page")
    label = front.find(QLabel, "month_spending")
    front.wait(lambda: label.text() == "About $4.10 spent.")
    field = front.find(QLineEdit, "cloud.monthly_cap_usd")
    field.setText("5")
    field.editingFinished.emit()
    front.wait(lambda: label.text() == "About $4.10 of $5.00 spent.")
    server.next(Life(processing=ENDLESS))
    front.submit(wish())
    front.wait(lambda: label.text() == "About $4.10 of $5.00 spent, about $0.08 on the way.")
    server.wait_for_created()
    server.release(server.created[0])
    front.wait_ended()
    front.wait(lambda: label.text() == "About $4.18 of $5.00 spent.")
    front.find(QDialog, "settings").reject()
