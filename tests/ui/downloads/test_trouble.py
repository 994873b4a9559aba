"""What goes wrong on the way, told in the sheet, with the way out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton

from qie_desktop.core.download import TaskKind, TaskPhase
from qie_desktop.services.downloads import Downloads
from tests.support.hub_server import Fault, HubServer, Trouble
from tests.ui.downloads.conftest import CHOICE, MODEL, Front

GGUF = "*Q2_K.gguf"


class Pages(QObject):
    """Takes the pages that are opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened.append(url.toString())


@pytest.fixture
def pages(qapp: object) -> Pages:
    del qapp
    pages = Pages()
    for scheme in ("http", "https"):
        QDesktopServices.setUrlHandler(scheme, pages, "open")
    yield pages
    for scheme in ("http", "https"):
        QDesktopServices.unsetUrlHandler(scheme)


def begin(front: Front) -> None:
    front.open_models()
    front.click_part("Q2_K")
    front.wait(lambda: "Q2_K" in front.card_text())
    front.click("download_button")


def test_a_login_page_is_told_and_can_be_opened(hub: HubServer, front: Front, pages: Pages) -> None:
    hub.faults.append(Fault(Trouble.LOGIN_PAGE, times=99))
    begin(front)
    state = front.wait_phase(TaskPhase.FAILED)
    assert state.error is not None
    assert state.error.code == "captive_portal"
    front.wait_card("login page")
    assert front.card_buttons() == ["Open Login Page", "Retry"]
    assert front.window.findChild(QMessageBox) is None
    front.click("login_page_button")
    assert pages.opened == ["http://captive.apple.com/"]
    hub.faults.clear()
    front.click("retry_button")
    front.wait_phase(TaskPhase.DONE)


def test_terms_that_are_not_accepted_lead_to_their_page(hub: HubServer, front: Front, pages: Pages) -> None:
    hub.repositories["QuantStack/Qwen-Image-Edit-2509-GGUF"].gated = True
    begin(front)
    state = front.wait_phase(TaskPhase.FAILED)
    assert state.error is not None
    assert state.error.code == "hub_gated"
    front.wait(lambda: front.card_buttons() == ["Open Its Page", "Retry"])
    front.click("model_page_button")
    assert pages.opened == ["https://huggingface.co/QuantStack/Qwen-Image-Edit-2509-GGUF"]


def test_without_a_network_it_waits_and_then_says_so(front: Front) -> None:
    begin(front)
    front.wait_phase(TaskPhase.WAITING)
    front.wait_card("cannot be reached")
    state = front.wait_phase(TaskPhase.FAILED)
    assert state.error is not None
    assert state.error.code == "offline"
    mac = ["Network Settings…"] if sys.platform == "darwin" else []
    front.wait(lambda: front.card_buttons() == [*mac, "Retry"])


def test_a_damaged_file_is_found_and_only_that_one_is_fetched_again(
    hub: HubServer, installed: Path, front: Front, downloads: Downloads
) -> None:
    blob = installed.resolve()
    content = bytearray(blob.read_bytes())
    content[1000] ^= 1
    blob.write_bytes(content)
    front.open_models()
    front.click_part("Q2_K")
    front.wait_card("ready to use")
    front.click("verify_button")
    state = front.wait_phase(TaskPhase.FAILED)
    assert state.task is TaskKind.VERIFY
    front.wait(lambda: front.part_text("Q2_K") == "Damaged")
    front.wait(lambda: front.card_buttons() == ["Download"])
    assert not any(part.is_installed for part in downloads.parts(MODEL) if part.part.id == "Q2_K")
    hub.forget()
    front.click("download_button")
    front.wait_phase(TaskPhase.DONE)
    front.wait(lambda: front.part_text("Q2_K") == "Installed")
    assert {served.name for served in hub.served} == {installed.name}


def test_whole_files_are_found_whole(installed: Path, front: Front) -> None:
    del installed
    front.open_models()
    front.click_part("Q2_K")
    front.click("verify_button")
    front.wait(lambda: front.state is not None and front.state.task is TaskKind.VERIFY)
    front.wait_phase(TaskPhase.DONE)
    front.wait_card("as it should be")


def test_deleting_asks_first_and_says_what_it_frees(
    installed: Path, front: Front, downloads: Downloads
) -> None:
    size = installed.stat().st_size
    front.open_models()
    front.click_part("Q2_K")
    for name, stays in (("", True), ("confirm_delete", False)):
        front.click("delete_button")
        front.wait(lambda: front.window.findChild(QMessageBox, "delete_question") is not None)
        box = front.find(QMessageBox, "delete_question")
        assert box.text() == "Delete Transformer Q2_K?"
        assert f"{size // 1000} KB will be free" in box.informativeText()
        if name:
            front.click(name)
        else:
            box.reject()
        front.wait(lambda: front.window.findChild(QMessageBox, "delete_question") is None)
        if stays:
            assert installed.is_file()
    front.wait(lambda: not installed.exists())
    front.wait(lambda: front.part_text("Q2_K") == "Not downloaded")
    # What others need, stays.
    here = {part.part.id for part in downloads.parts(MODEL) if part.is_installed}
    assert here == {"base", "text-encoder-compact", "lightning"}


def test_files_of_another_program_are_left_to_it(installed: Path, front: Front) -> None:
    # What is known of own downloads stands in this file.
    (front.window.session.folder.huggingface_cache / "qwen-image-editor.json").unlink()
    front.open_models()
    front.click_part("Q2_K")
    front.click("delete_button")
    status = front.find(QLabel, "models_status")
    front.wait(lambda: "another program" in status.text())
    assert installed.is_file()


def test_while_something_runs_nothing_is_deleted(hub: HubServer, installed: Path, front: Front) -> None:
    del installed
    hub.set_rate(100_000)
    front.open_models()
    front.click_part("Q4_K_M")
    front.wait(lambda: "Q4_K_M" in front.card_text())
    front.click("download_button")
    front.wait_phase(TaskPhase.DOWNLOADING)
    front.click_part("Q2_K")
    front.wait(lambda: not front.find(QPushButton, "delete_button").isEnabled())
    assert "Downloading Q4_K_M" in front.card_text()
    assert CHOICE.quantisation == "Q2_K"
