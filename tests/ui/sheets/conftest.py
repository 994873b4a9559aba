from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keyring
import keyring.backend
import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QWidget

from qie_desktop.core.errors import QieError
from qie_desktop.ui.background import BackgroundPool
from qie_desktop.ui.session import Session


class MemoryKeychain(keyring.backend.KeyringBackend):
    """A Keychain that is empty at first, and that can be locked."""

    priority = 1  # pyright: ignore[reportAssignmentType]

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}
        self.locked = False
        self.threads: set[str] = set()

    def get_password(self, service: str, username: str) -> str | None:
        self.threads.add(threading.current_thread().name)
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.threads.add(threading.current_thread().name)
        if self.locked:
            raise keyring.errors.PasswordSetError("locked")
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.passwords[service, username]


@pytest.fixture
def keychain() -> Iterator[MemoryKeychain]:
    before = keyring.get_keyring()
    keychain = MemoryKeychain()
    keyring.set_keyring(keychain)
    yield keychain
    keyring.set_keyring(before)


@pytest.fixture
def threaded(session: Session) -> Iterator[Session]:
    """The session with real threads behind it."""
    pool = BackgroundPool()
    yield replace(session, background=pool)
    assert pool.shut_down(timeout_s=5)


class HeldBackground(QObject):
    """Keeps work until it is let go, to see what is shown in between."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], None]] = []

    def run(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[QieError], None] | None = None,
        *,
        soon: bool = False,
    ) -> None:
        del soon

        def call() -> None:
            try:
                result = work()
            except QieError as error:
                assert failed is not None
                failed(error)
            else:
                done(result)

        self.waiting.append(call)

    def let_go(self) -> None:
        """Do everything that has been asked for."""
        while self.waiting:
            self.waiting.pop(0)()


@pytest.fixture
def held(session: Session, qapp: object) -> Session:
    del qapp
    return replace(session, background=HeldBackground())


@pytest.fixture
def kept(qapp: object) -> Iterator[Callable[[Any], Any]]:
    """Return a function that deletes a widget after the test, if it has not gone by itself."""
    del qapp
    widgets: list[QWidget] = []

    def keep(widget: Any) -> Any:
        widgets.append(widget)
        return widget

    yield keep
    for widget in widgets:
        if shiboken6.isValid(widget):
            widget.close()
            if shiboken6.isValid(widget):
                widget.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
