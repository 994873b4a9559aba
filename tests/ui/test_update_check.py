from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop import __version__
from qie_desktop.core.update_errors import UpdateCheckFailed
from qie_desktop.services import updates
from qie_desktop.services.updates import Release
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.session import Session
from qie_desktop.ui.update_check import UpdateCheck
from tests.services.test_updates import PAGE, Releases, server

__all__ = ["server"]


@pytest.fixture
def threaded(session: Session) -> Iterator[Session]:
    """The session with real threads behind it."""
    pool = BackgroundPool()
    yield replace(session, background=pool)
    assert pool.shut_down(timeout_s=5)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[QWidget]:
    window = QWidget()
    qtbot.addWidget(window)
    yield window
    window.close()


def box_of(qtbot: QtBot, window: QWidget) -> QMessageBox:
    qtbot.waitUntil(lambda: window.findChild(QMessageBox, "update_check") is not None)
    return window.findChild(QMessageBox, "update_check")


def test_newer_version_offers_its_page(
    qtbot: QtBot, window: QWidget, threaded: Session, server: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    check = UpdateCheck(window, threaded, server.address)
    check.check()
    check.check()
    box = box_of(qtbot, window)
    assert "0.2.0" in box.text()
    assert __version__ in box.informativeText()
    box.findChild(QPushButton, "open_release_page").click()
    assert [url.toString() for url in opened] == [PAGE]
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [200, 404])
def test_same_version_or_none_is_said_so(
    qtbot: QtBot, window: QWidget, threaded: Session, server: Releases, status: int
) -> None:
    server.status = status
    server.body = server.body.replace(b"v0.2.0", f"v{__version__}".encode(), 1)
    UpdateCheck(window, threaded, server.address).check()
    box = box_of(qtbot, window)
    assert box.text() == "You have the newest version."
    box.done(0)


def test_failure_is_told_and_it_can_be_tried_again(
    qtbot: QtBot, window: QWidget, threaded: Session, server: Releases
) -> None:
    server.status = 500
    check = UpdateCheck(window, threaded, server.address)
    for _ in range(2):
        with qtbot.waitSignal(check.failed) as failed:
            check.check()
        assert isinstance(failed.args[0], UpdateCheckFailed)


@pytest.mark.parametrize("address", ["", "https://api.github.com/repos/o/r/releases/latest"])
def test_menu_has_it_where_there_is_an_address_alone(
    open_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(updates, "RELEASES", address)
    assert open_window().actions_table["check_updates"].isVisible() is bool(address)


def test_nothing_is_asked_where_there_is_nobody(window: QWidget, session: Session) -> None:
    asked: list[Release] = []
    check = UpdateCheck(window, session, "")
    check.failed.connect(asked.append)
    check.check()
    assert not check.is_on
    assert asked == []
