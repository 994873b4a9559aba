"""What is in the way of a model, told in a person's words, with the way to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import find_model
from qie_desktop.core.errors import CheckpointIncomplete, QieError
from qie_desktop.core.lora_errors import QualityNotInstalled
from qie_desktop.core.machine import this_machine
from qie_desktop.core.request import build_request
from qie_desktop.engines.local.checkpoint import CheckpointLocator
from qie_desktop.engines.local.loras import LoraLocator
from qie_desktop.ui.main_window import MainWindow
from qie_desktop.ui.wording import worded_for_window

LOCAL = find_model("qwen-image-edit-2509-gguf")
BASE, GGUF = "models--Qwen--Qwen-Image-Edit-2509", "models--QuantStack--Qwen-Image-Edit-2509-GGUF"


def cached(hub: Path, *repos: str) -> Path:
    """Put repositories into a hub's cache, with every quantisation but Q8_0 in that of the GGUF files."""
    for repo in repos:
        (hub / repo / "refs").mkdir(parents=True)
        (hub / repo / "refs" / "main").write_text("abc")
        (hub / repo / "snapshots" / "abc").mkdir(parents=True)
    if GGUF in repos:
        for name in ("Q2_K", "Q4_K_M", "Q5_K_S"):
            (hub / GGUF / "snapshots" / "abc" / f"Qwen-Image-Edit-2509-{name}.gguf").touch()
    return hub


@pytest.mark.parametrize(
    ("there", "quantisation", "words"),
    [
        (
            (),
            None,
            f"Qwen-Image-Edit 2509 is not on {this_machine()} yet: up to 31\N{NO-BREAK SPACE}GB to download.",
        ),
        (
            (GGUF,),
            None,
            f"Qwen-Image-Edit 2509 is not on {this_machine()} yet: up to 17\N{NO-BREAK SPACE}GB to download.",
        ),
        (
            (BASE, GGUF),
            "Q8_0",
            f"The quantisation Q8_0 of Qwen-Image-Edit 2509 is not on {this_machine()} yet: "
            "about 22\N{NO-BREAK SPACE}GB to download.",
        ),
        ((BASE, GGUF), "Q2_K", f"Qwen-Image-Edit 2509 is not on {this_machine()} yet."),
    ],
)
def test_what_is_missing_is_named_without_files_and_repositories(
    tmp_path: Path, there: tuple[str, ...], quantisation: str | None, words: str
) -> None:
    locator = CheckpointLocator(tmp_path, cached(tmp_path / "hub", *there))
    error = locator.problem(LOCAL, quantisation)
    assert error is not None
    worded = worded_for_window(error, LOCAL)
    assert worded is not None
    assert (worded.message, worded.code) == (words, error.code)
    assert not any(part in worded.message + worded.hint for part in ("/", ".gguf", "--"))
    assert worded.__cause__ is error


def test_lightning_that_is_missing_is_called_by_its_name(tmp_path: Path) -> None:
    lightning = build_request(LOCAL.id, "warmer", [tmp_path / "a.png"])
    with pytest.raises(QualityNotInstalled) as caught:
        LoraLocator(CheckpointLocator(tmp_path, tmp_path)).of(LOCAL, lightning)
    worded = worded_for_window(caught.value, LOCAL)
    assert worded is not None
    assert worded.code == "model_not_installed"
    assert worded.message == (
        f"Lightning · 4 steps is not on {this_machine()} yet: about 2\N{NO-BREAK SPACE}GB to download. "
        "Full quality works without."
    )
    assert "More options" in worded.hint


def test_what_names_no_files_stays_as_it_is() -> None:
    error = QieError("The disk is full.", "Make room.")
    assert worded_for_window(error, LOCAL) is error
    assert worded_for_window(None, LOCAL) is None


def test_button_beside_the_reason_opens_the_models_sheet(
    qtbot: QtBot, open_window: Callable[..., MainWindow]
) -> None:
    window = open_window()
    window.draft.set_prompt("sepia")
    window.draft.set_model(LOCAL.id)
    reason = window.findChild(QLabel, "run_reason")
    qtbot.waitUntil(lambda: "up to 31\N{NO-BREAK SPACE}GB to download" in reason.text())
    assert reason.text().count("/") == 0
    assert "Qwen/Qwen-Image-Edit-2509" in reason.toolTip()
    fix = window.findChild(QPushButton, "run_fix")
    assert fix.text() == "Download…"
    fix.click()
    qtbot.waitUntil(lambda: window.findChild(QDialog, "manage_models") is not None)
    window.findChild(QDialog, "manage_models").reject()


def test_damaged_files_are_not_named_either() -> None:
    worded = worded_for_window(CheckpointIncomplete("/home/me/x.gguf is missing.", "Add it."), LOCAL)
    assert worded is not None
    assert "/" not in f"{worded.message} {worded.hint}"
