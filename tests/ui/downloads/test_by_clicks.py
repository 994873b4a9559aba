"""From an empty home to a picture, with the real process, the real hub's wire and the real engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QPushButton

from qie_desktop.core.download import TaskPhase
from qie_desktop.core.job import Job, JobState
from tests.support.hub_server import HubServer, model_repositories
from tests.support.tiny_text_encoder import write_text_encoder
from tests.ui.bench import Ear
from tests.ui.downloads.conftest import MODEL, SLOW_BYTES_S, TIMEOUT_MS, Front


@pytest.fixture
def hub(tiny: Path, tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    """The tiny checkpoint as if it were the real model, in all its forms."""
    local = MODEL.local
    assert local is not None
    compact = next(form for form in local.weights.text_encoders if form.is_gguf)
    language, vision = write_text_encoder(tiny, tmp_path / "compact", "Q8_0")
    more = {compact.repo: {compact.language: language, compact.vision: vision}}
    names = [name for name, _ in local.weights.gguf_gb]
    with HubServer(model_repositories(tiny, dict.fromkeys(names, tiny_gguf), more=more)) as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        yield hub


def test_from_an_empty_home_to_a_picture_in_the_gallery(
    hub: HubServer, open_front: Callable[..., Front], photo: Path, folder: object
) -> None:
    hub.set_rate(SLOW_BYTES_S * 4)
    front = open_front()
    window = front.window
    front.begin()
    front.wait(lambda: front.run_text().endswith("Download…"))
    front.click("run_fix")
    sheet = front.sheet
    front.wait(lambda: sheet.parts.rows and "to download" in front.card_text())
    front.click("download_button")
    front.wait_phase(TaskPhase.DOWNLOADING)
    front.wait(lambda: front.state is not None and (front.state.fraction or 0) > 0.1)
    assert front.run_text().startswith("Downloading ")
    assert front.run_text().endswith("Show…")
    assert front.find(QProgressBar, "download_bar").isVisible()
    front.click("pause_button")
    front.wait_phase(TaskPhase.PAUSED)
    front.wait_card("is paused")
    assert front.run_text().startswith("Download paused at ")
    hub.set_rate(None)
    front.click("resume_button")
    front.wait_phase(TaskPhase.DONE)
    front.wait_card("is ready to use")
    assert {front.part_text(part_id) for part_id in front.chosen()} == {"Installed"}
    assert any("of" in text and "/s" in text for text in front.texts)
    front.close_models()

    window.controls.take_files([photo])
    front.wait(lambda: window.draft.image_count == 1)
    window.draft.set_value("quality", "full")
    window.draft.set_value("steps", 2)
    run = front.find(QPushButton, "run_button")
    front.wait(run.isEnabled)
    ear = Ear(window.machinery.runner)
    front.qtbot.mouseClick(run, Qt.MouseButton.LeftButton)
    front.wait(lambda: ear.ended, TIMEOUT_MS * 2)
    [job] = ear.ended
    assert isinstance(job, Job)
    assert job.state is JobState.SUCCEEDED, job.error
    assert job.request.model_id == MODEL.id
    front.wait(lambda: (job.job_id, 0) in window.gallery.selected())


def test_a_quantisation_that_is_downloaded_first_is_the_one_that_is_used(
    hub: HubServer, front: Front
) -> None:
    del hub
    front.begin()
    front.open_models()
    front.click_part("Q2_K")
    front.click("download_button")
    front.wait_phase(TaskPhase.DONE)
    front.wait(lambda: front.window.session.settings.get("local.quantisation") == "Q2_K")
    front.wait(lambda: front.window.draft.given.get("quantisation") == "Q2_K")
    front.wait(lambda: not front.awaits_download)
