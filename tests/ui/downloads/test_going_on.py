"""A download does not end with the sheet or the window, and is told of wherever somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton

from qie_desktop.core.download import TaskPhase
from qie_desktop.services.downloads import Downloads
from qie_desktop.ui.controls.model_row import ModelRow
from qie_desktop.ui.download_watch import DownloadWatch
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.sheets.first_run import FirstRunSheet
from qie_desktop.ui.sheets.manage_models import ManageModelsDialog
from tests.support.hub_server import HubServer
from tests.ui.downloads.conftest import CHOICE, MODEL, SLOW_BYTES_S, TIMEOUT_MS, Front


def test_closing_the_sheet_and_the_window_stops_nothing(
    hub: HubServer, open_front: Callable[..., Front], downloads: Downloads
) -> None:
    hub.set_rate(SLOW_BYTES_S)
    front = open_front()
    front.open_models()
    front.click_part("Q2_K")
    front.click("download_button")
    front.wait_phase(TaskPhase.DOWNLOADING)
    front.close_models()
    assert front.state is not None
    assert front.state.is_running
    front.window.hide()
    assert front.window.shut_down(5)

    state = downloads.state()
    assert state is not None
    assert state.is_running
    again = open_front()
    again.wait_phase(TaskPhase.DOWNLOADING)
    again.open_models()
    assert "Downloading Q2_K" in again.card_text()
    assert "Q2_K" in again.chosen()
    hub.set_rate(None)
    again.wait_phase(TaskPhase.DONE)
    again.wait_card("Q2_K is ready to use.")


def heard_of(watch: DownloadWatch) -> list[object]:
    """Return a list that what is told of a download's end is added to."""
    heard: list[object] = []
    watch.files_changed.connect(lambda: heard.append("files"))
    watch.ended.connect(lambda state: heard.append(state.phase))
    return heard


def test_a_download_that_is_over_before_it_is_looked_at_is_told_all_the_same(
    hub: HubServer, front: Front, downloads: Downloads
) -> None:
    del hub
    front.begin()
    watch = front.watch
    front.wait(lambda: not watch._looking)
    heard = heard_of(watch)
    # What is looked up just now was looked up before the download began.
    watch._looking = True
    watch.start(CHOICE)
    front.wait(lambda: (state := downloads.state()) is not None and state.phase is TaskPhase.DONE)
    front.wait(lambda: not watch.is_busy)

    watch._on_looked(None)

    front.wait(lambda: heard == ["files", TaskPhase.DONE])
    front.wait(lambda: not front.awaits_download)


def test_a_download_that_is_seen_at_its_end_before_its_start_is_known_is_told_all_the_same(
    hub: HubServer, front: Front, downloads: Downloads
) -> None:
    del hub
    front.begin()
    watch = front.watch
    front.wait(lambda: not watch._looking)
    heard = heard_of(watch)
    watch.start(CHOICE)
    # Events are not handled meanwhile: that it has begun is not known to the window yet.
    until = time.monotonic() + TIMEOUT_MS / 1000
    while (state := downloads.state()) is None or state.phase is not TaskPhase.DONE:
        assert time.monotonic() < until
        time.sleep(0.05)

    watch._on_looked(state)

    front.wait(lambda: heard == ["files", TaskPhase.DONE])
    front.wait(lambda: not front.awaits_download)


def test_a_killed_download_is_told_and_goes_on(hub: HubServer, front: Front, downloads: Downloads) -> None:
    import os
    import signal

    hub.set_rate(SLOW_BYTES_S)
    front.open_models()
    front.click_part("Q2_K")
    front.click("download_button")
    front.wait_phase(TaskPhase.DOWNLOADING)
    front.wait(lambda: front.state is not None and front.state.bytes_done > 0)
    os.kill(int((front.window.session.folder.downloads / "lock").read_text()), signal.SIGKILL)

    front.wait_phase(TaskPhase.INTERRUPTED)
    front.wait_card("was interrupted")
    assert front.card_buttons() == ["Discard", "Resume"]
    hub.set_rate(None)
    front.click("resume_button")
    front.wait_phase(TaskPhase.DONE)


def test_what_was_begun_can_be_discarded(hub: HubServer, front: Front, downloads: Downloads) -> None:
    hub.set_rate(SLOW_BYTES_S)
    front.open_models()
    front.click_part("Q2_K")
    front.click("download_button")
    front.wait(lambda: front.state is not None and front.state.bytes_done > 100_000)
    front.click("pause_button")
    front.wait_phase(TaskPhase.PAUSED)
    front.click("discard_button")
    front.wait(lambda: front.state is None)
    front.wait(lambda: front.card_buttons() == ["Download"])
    assert not list(front.window.session.folder.hub_cache.rglob("*.incomplete"))


def test_the_first_sheet_starts_the_recommended_download(
    hub: HubServer, front: Front, downloads: Downloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    memory = psutil.virtual_memory()._replace(total=64 * 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    hub.set_rate(SLOW_BYTES_S)
    window = front.window
    window.dialogs.welcome()
    sheet = front.find(FirstRunSheet, "first_run")
    front.wait(lambda: sheet.findChild(QPushButton, "local_button").text() == "Download")
    assert " GB · " in sheet.findChild(QLabel, "local_button_fact").text()
    front.click("local_button")
    front.wait_phase(TaskPhase.DOWNLOADING)
    assert front.sheet.isVisible()
    assert not front.sheet.isModal()
    assert window.draft.spec is MODEL
    assert front.state is not None
    assert front.state.choice == downloads.recommended(MODEL)
    front.wait(lambda: "Downloading Q5_K_S" in front.card_text())


def test_the_sheet_opens_with_the_quantisation_that_the_person_has_chosen(front: Front) -> None:
    front.begin()
    front.window.draft.set_value("quantisation", "Q8_0")
    front.wait(lambda: front.run_text().endswith("Download…"))
    front.click("run_fix")
    sheet = front.sheet
    front.wait(lambda: sheet.parts.rows)
    assert "Q8_0" in front.chosen()
    # It is open already: asked for another one, it shows that.
    front.window.draft.set_value("quantisation", "Q2_K")
    front.wait(lambda: front.run_text().endswith("Download…"))
    front.click("run_fix")
    front.wait(lambda: "Q2_K" in front.chosen())
    assert len(front.window.findChildren(ManageModelsDialog)) == 1


def test_the_list_of_models_says_how_far_it_is(hub: HubServer, front: Front) -> None:
    hub.set_rate(SLOW_BYTES_S)
    front.watch.start(CHOICE)
    front.wait(lambda: front.state is not None and (front.state.fraction or 0) > 0.05)
    front.qtbot.mouseClick(front.find(QPushButton, "model_picker"), Qt.MouseButton.LeftButton)
    row = next(row for row in front.window.findChildren(ModelRow) if row.spec is MODEL)
    front.wait(lambda: "downloading" in row.accessibleName())
    assert row.findChild(QPushButton, f"model_{MODEL.id}_fix").text() == "Show…"
    row.window().close()


def test_the_end_is_told_when_another_program_is_in_front(
    hub: HubServer, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    del hub
    told: list[tuple[str, str]] = []
    front.window.notices.told.connect(lambda title, text: told.append((title, text)))
    monkeypatch.setattr(QGuiApplication, "applicationState", lambda: Qt.ApplicationState.ApplicationInactive)
    front.watch.start(CHOICE)
    front.wait_phase(TaskPhase.DONE)
    front.wait(lambda: told)
    assert told == [("The download is complete", f"{MODEL.name} is ready to use.")]


def test_a_window_with_a_download_is_not_kept_from_closing(
    hub: HubServer, open_window: Callable[..., MainWindow], downloads: Downloads, front: Front
) -> None:
    del open_window
    hub.set_rate(SLOW_BYTES_S)
    front.watch.start(CHOICE)
    front.wait_phase(TaskPhase.DOWNLOADING)
    with front.qtbot.waitSignal(front.window.closed):
        front.window.close()
    state = downloads.state()
    assert state is not None
    assert state.is_running
