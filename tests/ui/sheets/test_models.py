from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.catalogue import CATALOGUE
from qie_desktop.core.errors import CheckpointIncomplete, CheckpointMismatch
from qie_desktop.core.memory_fit import Fit
from qie_desktop.core.model import HubWeights
from qie_desktop.storage.resources import resources_folder
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.manage_models import ManageModelsDialog
from qie_desktop.ui.sheets.model_states import look_at_models
from qie_desktop.ui.sheets.own_weights import WeightsRow
from qie_desktop.ui.sheets.own_weights_check import check_checkpoint, check_transformer
from qie_desktop.ui.sheets.wording import capitalised
from tests.ui.sheets.conftest import HeldBackground

Keep = Callable[[Any], Any]

STARTER = resources_folder() / "starter"
STARTER_GGUF = STARTER / "transformer" / "starter.gguf"
HUB_MODELS = [spec for spec in CATALOGUE if spec.local and isinstance(spec.local.weights, HubWeights)]


@pytest.fixture
def dialog(session: Session, kept: Keep) -> ManageModelsDialog:
    return kept(ManageModelsDialog(session))


def texts(dialog: ManageModelsDialog) -> list[str]:
    return [label.text() for label in dialog.findChildren(QLabel)]


def row(dialog: ManageModelsDialog, key: str) -> WeightsRow:
    return next(each for each in dialog.findChildren(WeightsRow) if each.findChild(QLabel, f"{key}.path"))


def status(dialog: ManageModelsDialog, key: str) -> str:
    label = dialog.findChild(QLabel, f"{key}.status")
    assert label is not None
    return label.text()


def other_gguf(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def in_hub(cache: Path, repo: str, source: Path | None = None) -> Path:
    """Put a repository into the hub's cache and return its snapshot."""
    root = cache / f"models--{repo.replace('/', '--')}"
    snapshot = root / "snapshots" / "abc"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("abc")
    if source:
        shutil.copytree(source, snapshot)
    else:
        snapshot.mkdir(parents=True)
    return snapshot


def test_every_quantisation_of_the_catalogue_is_told_with_size_quality_fit_and_state(
    session: Session, dialog: ManageModelsDialog
) -> None:
    shown = texts(dialog)

    for spec in HUB_MODELS:
        parameter = spec.parameter("quantisation")
        assert parameter is not None
        assert spec.name in shown
        for choice in parameter.choices:
            assert choice.value in shown
            assert choice.help in shown
            state = dialog.findChild(QLabel, f"state_{choice.value}")
            assert state is not None
            assert state.text() == "Not installed"
    assert {"7.1 GB", "13.1 GB", "14.3 GB", "21.8 GB"} <= set(shown)
    needs = look_at_models(session.folder, session.settings)[0].quantisations
    for quantisation in needs:
        assert shown.count(capitalised(quantisation.need.fit_text)) >= 1


def test_what_is_in_the_hubs_cache_is_installed(session: Session, kept: Keep) -> None:
    hub = session.folder.huggingface_cache / "hub"
    weights = HUB_MODELS[0].local.weights if HUB_MODELS[0].local else None
    assert isinstance(weights, HubWeights)
    in_hub(hub, weights.base_repo, STARTER)
    snapshot = in_hub(hub, weights.gguf_repo)
    os.link(STARTER_GGUF, snapshot / weights.gguf_pattern.format(quantisation="Q2_K"))

    dialog = kept(ManageModelsDialog(session))

    assert dialog.findChild(QLabel, "state_Q2_K").text() == "Installed"
    assert dialog.findChild(QLabel, "state_Q8_0").text() == "Not installed"


def test_what_is_there_in_part_is_incomplete(session: Session, kept: Keep) -> None:
    hub = session.folder.huggingface_cache / "hub"
    weights = HUB_MODELS[0].local.weights if HUB_MODELS[0].local else None
    assert isinstance(weights, HubWeights)
    base = in_hub(hub, weights.base_repo, STARTER)
    (base / "vae" / "config.json").unlink()
    snapshot = in_hub(hub, weights.gguf_repo)
    os.link(STARTER_GGUF, snapshot / weights.gguf_pattern.format(quantisation="Q2_K"))

    state = kept(ManageModelsDialog(session)).findChild(QLabel, "state_Q2_K")

    assert state.text() == "Incomplete"
    assert "vae/config.json" in state.toolTip()


@pytest.mark.parametrize(
    ("memory_gb", "recommended"), [(16, None), (24, "Q5_K_S"), (64, "Q5_K_S"), (22, "Q5_K_S")]
)
def test_the_best_choice_is_the_default_where_it_fits(
    session: Session, monkeypatch: pytest.MonkeyPatch, memory_gb: int, recommended: str | None
) -> None:
    import psutil

    memory = psutil.virtual_memory()._replace(total=memory_gb * 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    session.settings.set("local.device", "mps")
    state = look_at_models(session.folder, session.settings)[0]

    assert (state.recommended.name if state.recommended else None) == recommended
    if recommended is None:
        assert {each.fit for each in state.quantisations} == {Fit.TOO_LARGE}


def test_nothing_is_cut_off_when_the_models_come_to_be_known(held: Session, kept: Keep) -> None:
    dialog = kept(ManageModelsDialog(held))
    dialog.show()
    QApplication.processEvents()
    background = held.background
    assert isinstance(background, HeldBackground)

    background.let_go()
    QApplication.processEvents()
    QApplication.processEvents()

    for label in dialog.findChildren(QLabel):
        assert label.height() >= label.minimumSizeHint().height(), label.text()
        if label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()


def test_there_are_no_buttons_that_do_nothing(dialog: ManageModelsDialog) -> None:
    buttons = {button.text() for button in dialog.findChildren(QPushButton)}

    assert buttons == {"Choose…", "Reset", "Done"}
    assert any("comes with a coming version" in text for text in texts(dialog))


def test_own_weights_are_checked_and_set(dialog: ManageModelsDialog, session: Session, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.setting_changed):
        row(dialog, "local.checkpoint").take(STARTER)
    with qtbot.waitSignal(dialog.setting_changed):
        row(dialog, "local.transformer").take(STARTER_GGUF)

    stored = Settings.load(session.folder.config)
    assert stored.get("local.checkpoint") == str(STARTER)
    assert stored.get("local.transformer") == str(STARTER_GGUF)
    assert status(dialog, "local.transformer").startswith("Good: ")
    assert "Own transformer: starter.gguf" in texts(dialog)


def test_a_gguf_file_of_another_architecture_is_refused_with_what_it_is(
    dialog: ManageModelsDialog, session: Session, tmp_path: Path
) -> None:
    row(dialog, "local.transformer").take(other_gguf(tmp_path / "chat.gguf"))

    assert "chat.gguf holds a model of the architecture llama" in status(dialog, "local.transformer")
    assert not session.settings.is_set("local.transformer")


def test_a_file_that_is_no_gguf_is_refused(dialog: ManageModelsDialog, session: Session, photo: Path) -> None:
    row(dialog, "local.transformer").take(photo)

    assert "cannot be read as a GGUF file" in status(dialog, "local.transformer")
    assert not session.settings.is_set("local.transformer")


def test_a_refusal_leaves_what_was_set(session: Session, kept: Keep, tmp_path: Path) -> None:
    session.settings.set("local.transformer", str(STARTER_GGUF))
    session.settings.save()
    dialog = kept(ManageModelsDialog(session))

    row(dialog, "local.transformer").take(other_gguf(tmp_path / "chat.gguf"))

    assert Settings.load(session.folder.config).get("local.transformer") == str(STARTER_GGUF)
    assert "Own transformer: starter.gguf" in texts(dialog)


def test_a_file_that_does_not_belong_to_the_folder_is_told_but_taken(
    session: Session, kept: Keep, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(STARTER, folder)
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (folder / "transformer" / "config.json").write_text(json.dumps(config | {"num_layers": 60}))
    session.settings.set("local.checkpoint", str(folder))
    dialog = kept(ManageModelsDialog(session))

    row(dialog, "local.transformer").take(STARTER_GGUF)

    assert "the folder's config says 60" in status(dialog, "local.transformer")
    assert session.settings.get("local.transformer") == str(STARTER_GGUF)


def test_own_weights_can_be_reset(session: Session, kept: Keep, qtbot: QtBot) -> None:
    session.settings.set("local.transformer", str(STARTER_GGUF))
    session.settings.save()
    dialog = kept(ManageModelsDialog(session))
    dialog.show()

    reset = dialog.findChild(QPushButton, "local.transformer.reset")
    qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)

    assert not Settings.load(session.folder.config).is_set("local.transformer")
    assert not reset.isVisible()


def test_choosing_opens_a_panel_that_blocks_nothing(
    dialog: ManageModelsDialog, session: Session, qtbot: QtBot
) -> None:
    dialog.show()
    qtbot.mouseClick(dialog.findChild(QPushButton, "local.transformer.choose"), Qt.MouseButton.LeftButton)
    panel = dialog.findChild(QFileDialog, "local.transformer.panel")
    assert panel is not None

    panel.fileSelected.emit(str(STARTER_GGUF))
    panel.reject()

    assert session.settings.get("local.transformer") == str(STARTER_GGUF)


def test_the_starters_own_folder_is_a_checkpoint() -> None:
    assert check_checkpoint(STARTER)
    assert "blocks" in check_transformer(STARTER_GGUF)


def test_a_folder_of_another_model_is_refused_with_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text(
        json.dumps({"_class_name": "FluxTransformer2DModel"})
    )

    with pytest.raises(CheckpointMismatch, match="FluxTransformer2DModel"):
        check_checkpoint(tmp_path)


def test_a_folder_of_another_pipeline_is_refused_with_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))

    with pytest.raises(CheckpointMismatch, match="StableDiffusionPipeline"):
        check_checkpoint(tmp_path)


def test_a_folder_with_something_missing_is_refused_with_what_is(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(STARTER, folder)
    (folder / "text_encoder" / "model.safetensors").unlink()

    with pytest.raises(CheckpointIncomplete, match="text_encoder/model.safetensors"):
        check_checkpoint(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointIncomplete, match="no folder"):
        check_checkpoint(tmp_path / "nowhere")
