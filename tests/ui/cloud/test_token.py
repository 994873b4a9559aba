"""A token is added, checked, replaced and removed, and the window follows at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QPushButton

from qie_desktop.core.job import JobState
from qie_desktop.core.request import Request
from tests.support.replicate.faults import UNAUTHENTICATED
from tests.support.replicate.wire import Kind
from tests.support.replicate_server import ReplicateServer
from tests.ui.cloud.conftest import Front
from tests.ui.sheets.conftest import MemoryKeychain

OpenFront = Callable[..., Front]


def store_token(front: Front, token: str) -> None:
    """Paste a token into the sheet that is open, and store it."""
    field = front.find(QLineEdit, "token_field")
    front.qtbot.keyClicks(field, token)
    front.click(front.find(QPushButton, "accept_token_button"))
    front.wait(lambda: front.window.findChild(QDialog, "token_sheet") is None)


def test_stored_token_makes_the_cloud_ready_without_a_restart(
    server: ReplicateServer, keychain: MemoryKeychain, open_front: OpenFront
) -> None:
    front = open_front()
    front.choose("hunyuan-image-3")
    front.type_prompt("a red fox")
    fix = front.find(QPushButton, "run_fix")
    front.wait(fix.isVisible)
    assert fix.text() == "Add Token…"
    assert not front.run_button.isEnabled()
    assert "token" in front.find(QLabel, "run_reason").text()
    front.click(fix)
    store_token(front, server.token)
    front.wait(front.run_button.isEnabled)
    assert list(keychain.passwords.values()) == [server.token]
    front.press_run()
    assert front.wait_ended()[0].state is JobState.SUCCEEDED


def test_token_of_the_first_run_leads_to_a_cloud_model(
    server: ReplicateServer, keychain: MemoryKeychain, open_front: OpenFront
) -> None:
    front = open_front()
    front.window.dialogs.welcome()
    front.click(front.find(QPushButton, "token_button"))
    store_token(front, server.token)
    assert keychain.passwords
    front.wait(lambda: front.window.draft.spec.cloud is not None)
    front.wait(lambda: front.window.controls.readiness.problem(front.window.draft.spec) is None)


def test_removed_token_makes_the_cloud_unready_at_once(
    server: ReplicateServer, keychain: MemoryKeychain, open_front: OpenFront
) -> None:
    front = open_front()
    front.window.session.token.store(server.token)
    front.window.controls.refresh()
    front.choose("hunyuan-image-3")
    front.type_prompt("a red fox")
    front.wait(front.run_button.isEnabled)
    front.window.dialogs.show_settings("cloud_page")
    remove = front.find(QPushButton, "remove_token_button")
    front.wait(remove.isVisible)
    front.click(remove)
    front.wait(lambda: not front.run_button.isEnabled())
    assert keychain.passwords == {}
    front.find(QDialog, "settings").reject()


@pytest.mark.parametrize("named", [True, False])
def test_check_says_whose_account_it_is(
    server: ReplicateServer, keychain: MemoryKeychain, open_front: OpenFront, named: bool
) -> None:
    assert keychain.passwords == {}
    server.account.update(username="ada", name="Ada Lovelace" if named else None)
    front = open_front()
    front.window.dialogs.ask_token()
    check, status = front.find(QPushButton, "check_token_button"), front.find(QLabel, "token_status")
    assert not check.isVisible()
    front.qtbot.keyClicks(front.find(QLineEdit, "token_field"), server.token)
    front.click(check)
    assert status.text() == "Checking…"
    front.wait(lambda: status.text() != "Checking…")
    assert status.text() == f"This is the account of {'Ada Lovelace' if named else 'ada'}."
    assert status.property("class") == "success"
    [asked] = server.requests_to(Kind.ACCOUNT)
    assert asked.token == server.token
    # What was said holds for that text alone.
    front.qtbot.keyClicks(front.find(QLineEdit, "token_field"), "x")
    assert "account" not in status.text()
    assert keychain.passwords == {}
    front.find(QDialog, "token_sheet").reject()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("r8_wrong", "does not accept the token"),
        ("two words", "not a Replicate token"),
        ("tøken", "not a Replicate token"),
        ("r8_abc…", "not a Replicate token"),
    ],
)
def test_check_says_that_a_token_is_not_accepted(
    server: ReplicateServer, keychain: MemoryKeychain, open_front: OpenFront, typed: str, said: str
) -> None:
    assert server.created == []
    assert keychain.passwords == {}
    front = open_front()
    front.window.dialogs.ask_token()
    front.find(QLineEdit, "token_field").setText(typed)
    front.click(front.find(QPushButton, "check_token_button"))
    status = front.find(QLabel, "token_status")
    front.wait(lambda: status.text() != "Checking…")
    assert said in status.text()
    assert status.property("class") == "danger"
    assert typed not in status.text()
    front.find(QDialog, "token_sheet").reject()


def test_check_without_a_connection_says_so(
    server: ReplicateServer, known_token: str, open_front: OpenFront
) -> None:
    front = open_front()
    front.window.dialogs.show_settings("cloud_page")
    check, status = front.find(QPushButton, "check_token_button"), front.find(QLabel, "token_status")
    front.wait(check.isVisible)
    assert "change it there" in status.text()
    with server.away():
        front.click(check)
        front.wait(lambda: "could not be reached" in status.text())
    front.click(check)
    front.wait(lambda: status.text() == "This is the account of U.")
    front.find(QDialog, "settings").reject()


def test_refused_token_is_replaced_and_the_next_run_uses_the_new_one(
    server: ReplicateServer, keychain: MemoryKeychain, open_front: OpenFront, wish: Callable[..., Request]
) -> None:
    front = open_front()
    front.window.session.token.store("r8_old")
    front.submit(wish())
    [job] = front.wait_ended()
    assert job.error is not None
    assert job.error.code == "credentials_refused"
    front.wait(lambda: front.remedies() == ["Replace Token…", "Retry"])
    front.click(front.remedy())
    front.wait(lambda: "in the Keychain" in front.find(QLabel, "token_status").text())
    store_token(front, server.token)
    assert list(keychain.passwords.values()) == [server.token]
    front.window.session.jobs.retry(job.job_id)
    assert front.wait_ended(2)[1].state is JobState.SUCCEEDED
    assert len(server.created) == 1


def test_retry_without_a_token_shows_the_bar_and_the_sheet(
    server: ReplicateServer,
    known_token: str,
    open_front: OpenFront,
    wish: Callable[..., Request],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front = open_front()
    server.faults.on(Kind.CREATE, UNAUTHENTICATED)
    front.submit(wish())
    [job] = front.wait_ended()
    monkeypatch.delenv("REPLICATE_API_TOKEN")
    front.window.session.jobs.retry(job.job_id)
    front.wait(lambda: front.remedies() == ["Add Token…"])
    front.qtbot.keyClick(front.remedy(), Qt.Key.Key_Space)
    assert front.find(QDialog, "token_sheet").isVisible()
    front.find(QDialog, "token_sheet").reject()
