from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import ModelNotInstalled, QieError
from qie_desktop.core.job import Job, JobState, now
from qie_desktop.core.model import ModelSpec
from qie_desktop.core.request import Request
from qie_desktop.storage.job_store import JobStore
from qie_desktop.ui.controls.panel import ControlsPanel
from qie_desktop.ui.draft import Draft
from qie_desktop.ui.session import Session
from tests.ui.controls.conftest import Show, find


def button(panel: ControlsPanel, name: str = "run_button") -> QAbstractButton:
    found = find(panel, name, QAbstractButton)
    assert isinstance(found, QAbstractButton)
    return found


def text(panel: ControlsPanel, name: str) -> str:
    label = find(panel, name, QLabel)
    assert isinstance(label, QLabel)
    return label.text() if label.isVisible() else ""


def ran_for(store: JobStore, job: Job, seconds: float) -> Job:
    """Put a job on disk as one that succeeded after so many seconds."""
    at = now()
    running = job.moved_to(JobState.RUNNING, at)
    return_value = running.moved_to(JobState.SUCCEEDED, at + timedelta(seconds=seconds))
    store.save(return_value)
    return return_value


def test_it_is_disabled_with_the_reason_under_it_until_nothing_is_missing(
    qtbot: QtBot, panel: ControlsPanel, draft: Draft, photo: Path
) -> None:
    assert not button(panel).isEnabled()
    assert "prompt is empty" in text(panel, "run_reason")
    draft.set_prompt("sepia")
    assert not button(panel).isEnabled()
    assert "Add an image" in text(panel, "run_reason")
    assert button(panel).accessibleDescription() == text(panel, "run_reason")
    panel.take_files([photo])
    assert button(panel).isEnabled()
    assert text(panel, "run_reason") == ""
    with qtbot.waitSignal(panel.run_requested):
        button(panel).click()


def test_of_a_hybrid_it_edits_with_pictures_and_generates_without(
    panel: ControlsPanel, draft: Draft, photos: Callable[[int], list[Path]]
) -> None:
    draft.set_model("seedream-4")
    assert button(panel).text() == "Generate"
    panel.take_files(photos(1))
    assert button(panel).text() == "Edit"


def test_a_missing_token_is_told_and_mended_with_one_click(
    qtbot: QtBot, show: Show, session: Session, draft: Draft
) -> None:
    panel = show(ControlsPanel(session, draft))
    draft.set_prompt("a fox")
    draft.set_model("qwen-image")
    assert not button(panel).isEnabled()
    assert "needs a Replicate token" in text(panel, "run_reason")
    assert button(panel, "run_fix").text() == "Add Token…"
    with qtbot.waitSignal(panel.help_requested) as caught:
        button(panel, "run_fix").click()
    assert caught.args == ["credentials_missing"]
    draft.set_model("starter")
    assert not button(panel, "run_fix").isVisible()


def test_what_just_this_request_lacks_is_told_too(
    show: Show, session: Session, draft: Draft, photo: Path
) -> None:
    def readiness(spec: ModelSpec, request: Request | None) -> QieError | None:
        if request is not None and request.value("quantisation") == "Q8_0":
            return ModelNotInstalled(f"{spec.name} Q8_0 is not downloaded.", "Get it.")
        return None

    panel = show(ControlsPanel(replace(session, readiness=readiness), draft))
    draft.set_model("qwen-image-edit-2509-gguf")
    draft.set_prompt("sepia")
    panel.take_files([photo])
    assert button(panel).isEnabled()
    draft.set_value("quantisation", "Q8_0")
    assert not button(panel).isEnabled()
    assert "Q8_0 is not downloaded" in text(panel, "run_reason")
    assert button(panel, "run_fix").text() == "Download…"
    draft.set_value("quantisation", "Q2_K")
    assert button(panel).isEnabled()


def test_refreshing_asks_again(show: Show, session: Session, draft: Draft) -> None:
    problems: list[QieError] = [ModelNotInstalled("It is not there.", "Get it.")]

    def readiness(spec: ModelSpec, request: Request | None) -> QieError | None:
        del spec, request
        return problems[0] if problems else None

    panel = show(ControlsPanel(replace(session, readiness=readiness), draft))
    assert "not there" in text(panel, "run_reason")
    problems.clear()
    panel.refresh()
    assert "not there" not in text(panel, "run_reason")


@pytest.mark.parametrize(
    ("model_id", "estimate"),
    [
        ("starter", "Free · 2–10 s"),
        ("qwen-image", "≈ $0.025 · 20–40 s"),
        ("hunyuan-image-3", "≈ $0.08 · 30–45 s"),
    ],
)
def test_the_estimate_is_the_list_price_and_the_typical_time(
    panel: ControlsPanel, draft: Draft, model_id: str, estimate: str
) -> None:
    draft.set_model(model_id)
    assert text(panel, "estimate_label") == estimate


def test_the_price_counts_the_pictures_and_follows_the_settings(
    panel: ControlsPanel, draft: Draft, ready: Session
) -> None:
    draft.set_model("seedream-4")
    draft.set_value("sequential_image_generation", "auto")
    draft.set_value("count", 5)
    assert text(panel, "estimate_label").startswith("≈ $0.15 ")
    ready.settings.set("cloud.prices.seedream-4", 0.1)
    panel.refresh()
    assert text(panel, "estimate_label").startswith("≈ $0.50 ")
    assert "$0.10" in text(panel, "model_summary")


def test_the_time_is_the_median_of_ones_own_runs_of_this_sort(
    panel: ControlsPanel, draft: Draft, ready: Session, store: JobStore, make: Callable[..., Job]
) -> None:
    for seconds in (20, 30, 70):
        job = ran_for(store, make(), seconds)
    ran_for(store, make(steps=20), 500)
    ready.jobs.end(job)  # type: ignore[attr-defined]
    assert text(panel, "estimate_label") == "Free · 30 s"
    draft.set_value("steps", 20)
    assert text(panel, "estimate_label") == "Free · 8 min"
    draft.set_value("steps", 7)
    assert text(panel, "estimate_label") == "Free · 2–10 s"
    draft.set_model("qwen-image")
    assert text(panel, "estimate_label") == "≈ $0.025 · 20–40 s"


def test_in_the_cloud_any_run_of_the_model_tells_the_time(
    panel: ControlsPanel, draft: Draft, store: JobStore, make: Callable[..., Job]
) -> None:
    ran_for(store, make("qwen-image", [], aspect_ratio="3:4"), 12)
    ran_for(store, make("qwen-image-edit"), 99)
    draft.set_model("qwen-image")
    assert text(panel, "estimate_label") == "≈ $0.025 · 12 s"
    assert panel.isVisible()


def test_what_does_not_sit_comfortably_in_the_memory_is_said_before_a_run(
    monkeypatch: pytest.MonkeyPatch, panel: ControlsPanel, draft: Draft, session: Session
) -> None:
    memory = psutil.virtual_memory()._replace(total=16 * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    session.settings.set("local.device", "mps")

    draft.set_model("qwen-image-edit-2509-gguf")
    draft.set_value("quantisation", "Q8_0")
    told = text(panel, "memory_note")
    draft.set_value("quantisation", "Q2_K")

    assert told.startswith("This needs 15.")
    assert "Choose Q5_K_S" in told
    assert text(panel, "memory_note") == ""
