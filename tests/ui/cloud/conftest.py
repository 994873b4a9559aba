"""The whole window over a loopback server that speaks Replicate's wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keyring
import pytest
from PySide6.QtCore import QMimeData, QObject, QPointF, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.job import Job
from qie_desktop.core.request import Request, build_request
from qie_desktop.ui.main_window import MainWindow
from tests.support.replicate_server import ReplicateServer
from tests.ui.bench import Ear
from tests.ui.conftest import make_photo
from tests.ui.front import TIMEOUT_MS, AnyFront
from tests.ui.sheets.conftest import MemoryKeychain

SMALL_AREA_PX = 128 * 128

INPUTS = {
    "qwen-image-edit": 1,
    "qwen-image-edit-plus": 2,
    "hunyuan-image-3": 0,
    "qwen-image": 0,
    "seedream-4": 1,
}
"""How many pictures the tests send to each of the five models."""


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.02")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplicateServer]:
    """The server, which the window finds; it has no token yet."""
    with ReplicateServer(area_px=SMALL_AREA_PX) as server:
        monkeypatch.setenv("REPLICATE_BASE_URL", server.url)
        yield server
        assert server.leaked_tokens == []


@pytest.fixture
def keychain() -> Iterator[MemoryKeychain]:
    before = keyring.get_keyring()
    keychain = MemoryKeychain()
    keyring.set_keyring(keychain)
    yield keychain
    keyring.set_keyring(before)


@pytest.fixture
def known_token(server: ReplicateServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The right token, set in the environment."""
    monkeypatch.setenv("REPLICATE_API_TOKEN", server.token)
    return server.token


class Front(AnyFront):
    """A window as a person at it works, and what its runner tells."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        super().__init__(qtbot, window)
        self.runner = window.machinery.runner
        self.ear = Ear(self.runner)
        self.progress: list[str] = []
        """What stood in the bar under the picture, without repeats in a row."""
        self.runner.told.connect(self._on_told)

    def choose(self, model_id: str) -> None:
        self.window.actions_table[f"model:{model_id}"].trigger()

    def drop(self, *paths: Path) -> None:
        """Drop files from the Finder on the window, and wait until they are in the slots."""
        before = self.window.draft.image_count
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        window, buttons, keys = self.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        copy = Qt.DropAction.CopyAction
        QApplication.sendEvent(window, QDragEnterEvent(window.rect().center(), copy, mime, buttons, keys))
        QApplication.sendEvent(window, QDropEvent(QPointF(window.rect().center()), copy, mime, buttons, keys))
        self.wait(lambda: window.draft.image_count == before + len(paths))
        self.wait(lambda: not window.controls.intake.busy)

    def type_prompt(self, text: str) -> None:
        edit = self.find(QPlainTextEdit, "prompt_edit")
        edit.setFocus()
        edit.selectAll()
        self.qtbot.keyClicks(edit, text)

    @property
    def run_button(self) -> QPushButton:
        return self.find(QPushButton, "run_button")

    def press_run(self) -> None:
        self.wait(self.run_button.isEnabled)
        self.click(self.run_button)

    def click(self, widget: QWidget) -> None:
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def submit(self, *requests: Request) -> list[str]:
        """Submit requests as the button does, and return the ids of their jobs."""
        before = len(self.ear.submitted)
        for request in requests:
            self.window.session.jobs.submit(request)
        self.wait(lambda: len(self.ear.submitted) == before + len(requests))
        return [job.job_id for job in self.ear.submitted[before:]]

    def wait_ended(self, count: int = 1, timeout_ms: int = TIMEOUT_MS) -> list[Job]:
        """Wait until so many jobs have ended since the window was opened, and return all of them."""
        self.wait(lambda: len(self.ear.ended) >= count, timeout_ms)
        return self.ear.ended

    def job(self, job_id: str) -> Job:
        return self.window.session.store.load(job_id)

    def bar_text(self) -> str:
        """Return what the bar over the picture says, or nothing where there is none."""
        bar = self.find(QWidget, "message_bar")
        if not bar.isVisible():
            return ""
        labels = (self.find(QLabel, name) for name in ("message_title", "message_hint"))
        return " ".join(label.text() for label in labels)

    def remedies(self) -> list[str]:
        return [button.text() for button in self._remedies()]

    def remedy(self, at: int = 0) -> QPushButton:
        """Return a button of the bar; those of the message before may still be about to go."""
        return self._remedies()[at]

    def _remedies(self) -> list[QPushButton]:
        bar = self.find(QWidget, "message_bar")
        return [button for button in bar.findChildren(QPushButton) if button.isVisible()]

    def close(self) -> None:
        """End the window as the program does when it quits."""
        self.window.hide()
        assert self.window.shut_down(5)

    @Slot(object)
    def _on_told(self, _event: object) -> None:
        words = self.find(QLabel, "progress_label").toolTip()
        if words and (not self.progress or self.progress[-1] != words):
            self.progress.append(words)


@pytest.fixture
def open_front(qtbot: QtBot, open_window: Callable[..., MainWindow]) -> Callable[..., Front]:
    """Return a function that opens the window over the data folder."""

    def open_front(files: Sequence[Path] = ()) -> Front:
        return Front(qtbot, open_window(files))

    return open_front


@pytest.fixture
def front(known_token: str, open_front: Callable[..., Front]) -> Front:
    """The window, with a token."""
    return open_front()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three pictures of a size that every model takes."""
    sizes = ((603, 402), (400, 600), (512, 512))
    return [make_photo(tmp_path / f"photo-{at}.png", size) for at, size in enumerate(sizes, start=1)]


@pytest.fixture
def wish(photos: list[Path]) -> Callable[..., Request]:
    """Return a function that builds a request for a cloud model."""

    def wish(model_id: str = "hunyuan-image-3", prompt: str = "a red fox", **options: object) -> Request:
        return build_request(model_id, prompt, photos[: INPUTS[model_id]], options)

    return wish


class Browser(QObject):
    """Takes the pages that are opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(url.toString())


@pytest.fixture
def browser(qapp: QApplication) -> Iterator[Browser]:
    del qapp
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "open")
    yield browser
    QDesktopServices.unsetUrlHandler("https")
