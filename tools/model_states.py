"""Manage Models while something is downloaded, photographed over a loopback hub. Used by screenshots.py."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from camera import SETTLE_S, settle, wait_for
from PySide6.QtWidgets import QAbstractButton, QLabel, QMessageBox, QPushButton

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qie_desktop.core.download import TaskPhase
from qie_desktop.services.downloads import Downloads
from qie_desktop.ui.sheets.manage_models import ManageModelsDialog
from tests.support.hub_server import Fault, HubServer, Trouble, made_up_repositories

if TYPE_CHECKING:
    from collections.abc import Generator

    from camera import Camera

STATES = (
    "models",
    "models-downloading",
    "models-waiting",
    "models-paused",
    "models-error",
    "models-installed",
    "models-delete",
    "models-own",
)
MODEL, STARTER = "qwen-image-edit-2509-gguf", "starter"
GGUF_BYTES = 24_000_000
RATE = 2_000_000
ENOUGH = 0.4
NEVER_MIND = 99
FIRST = "Q4_K_M"


@contextmanager
def hub() -> Generator[HubServer]:
    """Run the hub, with its address in the environment."""
    with HubServer(made_up_repositories(GGUF_BYTES)) as server:
        os.environ.update(server.environ)
        try:
            yield server
        finally:
            for name in server.environ:
                del os.environ[name]


def take_models(camera: Camera, server: HubServer) -> None:
    """Take all of the states, in the order in which a person comes through them."""
    window = camera.window
    window.draft.set_model(MODEL)
    window.draft.set_prompt("Make it an evening in autumn")
    window.dialogs.show_models(FIRST)
    sheet = window.findChild(ManageModelsDialog)
    assert sheet is not None
    try:
        wait_for(lambda: "to download" in said(sheet), "the parts")
        settle(SETTLE_S)
        camera.take("models", sheet)
        take_download(camera, sheet, server)
        take_trouble(camera, sheet, server)
        take_installed(camera, sheet)
    finally:
        # The process would outlive the tool.
        Downloads(window.session.folder, window.session.settings).pause()
        sheet.close()


def take_download(camera: Camera, sheet: ManageModelsDialog, server: HubServer) -> None:
    """It runs, and is paused."""
    server.set_rate(RATE)
    press(sheet, "download_button")
    watch = camera.window.dialogs.downloads
    wait_for(lambda: watch.state is not None and (watch.state.fraction or 0) > ENOUGH, "the bytes")
    wait_for(lambda: watch.state is not None and bool(watch.state.bytes_per_second), "the rate")
    settle(SETTLE_S * 3)
    camera.take("models-downloading", sheet)
    press(sheet, "pause_button")
    wait_for(lambda: "is paused" in said(sheet), "the pause")
    settle(SETTLE_S * 3)
    camera.take("models-paused", sheet)


def take_trouble(camera: Camera, sheet: ManageModelsDialog, server: HubServer) -> None:
    """The hub asks for patience; then a network wants a login first."""
    server.set_rate(None)
    server.faults.append(Fault(Trouble.STATUS, times=NEVER_MIND, status=503))
    press(sheet, "resume_button")
    wait_for(lambda: "has trouble" in said(sheet), "the trouble")
    settle(SETTLE_S)
    camera.take("models-waiting", sheet)
    press(sheet, "pause_button")
    wait_for(lambda: "is paused" in said(sheet), "the pause")
    server.faults[:] = [Fault(Trouble.LOGIN_PAGE, times=NEVER_MIND)]
    press(sheet, "resume_button")
    wait_for(lambda: "login page" in said(sheet), "the login page")
    settle(SETTLE_S * 2)
    camera.take("models-error", sheet)
    server.faults.clear()
    press(sheet, "retry_button")


def take_installed(camera: Camera, sheet: ManageModelsDialog) -> None:
    """All is there; then the question before it is deleted, and the rows for own files."""
    watch = camera.window.dialogs.downloads
    wait_for(lambda: watch.state is not None and watch.state.phase is TaskPhase.DONE, "the end")
    wait_for(lambda: "ready to use" in said(sheet), "the files")
    settle(SETTLE_S * 2)
    # The hub's bytes are made up: nothing here can be run with them.
    camera.window.draft.set_model(STARTER)
    settle(SETTLE_S)
    camera.take("models-installed", sheet)
    if camera.wants("models-delete"):
        press(sheet, "delete_button")
        wait_for(lambda: sheet.findChild(QMessageBox) is not None, "the question")
        box = sheet.findChild(QMessageBox)
        assert box is not None
        settle(SETTLE_S)
        camera.take("models-delete", box)
        box.reject()
    toggle = sheet.findChild(QAbstractButton, "own_weights_toggle")
    assert toggle is not None
    toggle.setChecked(True)
    settle(SETTLE_S)
    camera.take("models-own", sheet)


def said(sheet: ManageModelsDialog) -> str:
    """Return what the card under the parts says."""
    names = ("download_title", "download_details")
    labels = (sheet.findChild(QLabel, name) for name in names)
    return " ".join(label.text() for label in labels if label is not None)


def press(sheet: ManageModelsDialog, name: str) -> None:
    """Press a button once it can be pressed."""
    button = sheet.findChild(QPushButton, name)
    assert button is not None
    wait_for(lambda: button.isVisible() and button.isEnabled(), name)
    button.click()
