"""The window, and a hub on loopback that everything is led to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.download import DownloadState, TaskPhase
from qie_desktop.core.model_parts import DownloadChoice
from qie_desktop.services.downloads import Downloads
from qie_desktop.storage.data_folder import DataFolder
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.sheets.manage_models import ManageModelsDialog
from tests.support.hub_server import HubServer, made_up_repositories
from tests.ui.front import AnyFront

MODEL = find_model("qwen-image-edit-2509-gguf")
CHOICE = DownloadChoice(MODEL.id, "Q2_K", "compact")
TIMEOUT_MS = 60_000
"""Ten times as long as it takes on a machine that does nothing else."""
SLOW_BYTES_S = 150_000
"""Slow enough for a person to press Pause."""


@pytest.fixture(autouse=True)
def led_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    # What everything here is without the fixture `hub`: a port at which nobody listens.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(made_up_repositories()) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def downloads(folder: DataFolder, settings: Settings) -> Iterator[Downloads]:
    """The downloads of the data folder; a process that is still at one is ended."""
    downloads = Downloads(folder, settings)
    yield downloads
    downloads.pause()


class Front(AnyFront):
    """A window as a person at it works, with Manage Models in front of it."""

    timeout_ms = TIMEOUT_MS

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        super().__init__(qtbot, window)
        self.watch = window.dialogs.downloads
        self.texts: list[str] = []
        """What stood in the card, without repeats in a row."""
        self.watch.changed.connect(self._on_changed)

    def wait_phase(self, *phases: TaskPhase) -> DownloadState:
        self.wait(lambda: self.state is not None and self.state.phase in phases)
        assert self.state is not None
        return self.state

    def wait_card(self, part: str) -> None:
        self.wait(lambda: part in self.card_text())

    @property
    def state(self) -> DownloadState | None:
        return self.watch.state

    def begin(self) -> None:
        """Say what should change, and choose the local model."""
        edit = self.find(QPlainTextEdit, "prompt_edit")
        self.qtbot.keyClicks(edit, "make it warmer")
        self.window.actions_table[f"model:{MODEL.id}"].trigger()

    def open_models(self) -> ManageModelsDialog:
        self.window.actions_table["manage_models"].trigger()
        sheet = self.sheet
        self.wait(lambda: sheet.parts.rows and "Looking" not in self.card_text())
        return sheet

    @property
    def sheet(self) -> ManageModelsDialog:
        return self.find(ManageModelsDialog, "manage_models")

    def close_models(self) -> None:
        self.click("close_models_button")
        self.wait(lambda: self.window.findChild(ManageModelsDialog) is None)

    def click(self, name: str) -> None:
        button = self.find(QPushButton, name)
        self.wait(lambda: button.isVisible() and button.isEnabled())
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def click_part(self, part_id: str, at: QPoint | None = None) -> None:
        """Click on a part's row, in its middle or so far from its left and top."""
        parts = self.sheet.parts
        rect = parts.visualRect(parts.model().index_of(part_id))
        where = rect.center() if at is None else rect.topLeft() + at
        self.qtbot.mouseClick(parts.viewport(), Qt.MouseButton.LeftButton, pos=where)

    def part_text(self, part_id: str) -> str:
        return next(row for row in self.sheet.parts.rows if row.part_id == part_id).state.text

    def chosen(self) -> set[str]:
        return {row.part_id for row in self.sheet.parts.rows if row.is_chosen}

    def card_text(self) -> str:
        labels = (self.find(QLabel, name) for name in ("download_title", "download_details"))
        return " ".join(label.text() for label in labels)

    def card_buttons(self) -> list[str]:
        card = self.find(QWidget, "download_card")
        return [button.text() for button in card.findChildren(QPushButton) if button.isVisible()]

    def run_text(self) -> str:
        """What stands under the run button."""
        label, fix = self.find(QLabel, "run_reason"), self.find(QPushButton, "run_fix")
        return " ".join(each.text() for each in (label, fix) if each.isVisible())

    @property
    def awaits_download(self) -> bool:
        """Whether a download is what the run button waits for, not begun or under way.

        Made-up files may still be in its way: "… is damaged. Download it again".
        """
        text = self.run_text()
        return text.startswith("Download") or text.endswith("Download…")

    @Slot(object)
    def _on_changed(self, _state: object) -> None:
        if self.window.findChild(ManageModelsDialog) is not None:
            text = self.card_text()
            if not self.texts or self.texts[-1] != text:
                self.texts.append(text)


@pytest.fixture
def open_front(
    qtbot: QtBot, open_window: Callable[..., MainWindow], downloads: Downloads
) -> Callable[..., Front]:
    """Return a function that opens the window over the data folder."""
    del downloads

    def open_front() -> Front:
        return Front(qtbot, open_window())

    return open_front


@pytest.fixture
def front(open_front: Callable[..., Front]) -> Front:
    return open_front()


@pytest.fixture
def installed(hub: HubServer, downloads: Downloads, qtbot: QtBot) -> Path:
    """The choice, downloaded; the GGUF file of its quantisation."""
    del hub
    downloads.start(CHOICE)

    def is_done() -> bool:
        state = downloads.state()
        return state is not None and state.phase is TaskPhase.DONE

    qtbot.waitUntil(is_done, timeout=TIMEOUT_MS)
    path = next(part.path for part in downloads.parts(MODEL) if part.part.id == CHOICE.quantisation)
    assert path is not None
    return path
