from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from qie_desktop.core.errors import CheckpointIncomplete, CheckpointMismatch
from qie_desktop.storage.resources import resources_folder
from qie_desktop.storage.settings import Settings
from qie_desktop.ui.download_watch import DownloadWatch
from qie_desktop.ui.session import Session
from qie_desktop.ui.sheets.manage_models import ManageModelsDialog
from qie_desktop.ui.sheets.own_weights import WeightsRow
from qie_desktop.ui.sheets.own_weights_check import check_checkpoint, check_transformer, setting_for

Keep = Callable[[Any], Any]

STARTER = resources_folder() / "starter"
STARTER_GGUF = STARTER / "transformer" / "starter.gguf"


@pytest.fixture
def dialog(session: Session, watch: DownloadWatch, kept: Keep) -> ManageModelsDialog:
    return kept(ManageModelsDialog(session, watch))


def texts(dialog: ManageModelsDialog) -> list[str]:
    return [label.text() for label in dialog.findChildren(QLabel)]


def row(dialog: ManageModelsDialog, key: str) -> WeightsRow:
    return next(each for each in dialog.findChildren(WeightsRow) if each.key == key)


def status(dialog: ManageModelsDialog, key: str) -> str:
    label = dialog.findChild(QLabel, f"{key}.status")
    assert label is not None
    return label.text()


def said(dialog: ManageModelsDialog) -> str:
    label = dialog.findChild(QLabel, "models_status")
    assert label is not None
    return label.text() if label.isVisibleTo(dialog) else ""


def other_gguf(path: Path, architecture: str = "llama", **metadata: str) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in metadata.items():
        writer.add_string(key.replace("__", "."), value)
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def drop(dialog: ManageModelsDialog, *paths: Path) -> None:
    """Drop files from the Finder on the sheet."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys, copy = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    middle = dialog.rect().center()
    entered = QDragEnterEvent(middle, copy, mime, buttons, keys)
    QApplication.sendEvent(dialog, entered)
    assert entered.isAccepted()
    assert said(dialog) == "Drop it to use it from where it is."
    QApplication.sendEvent(dialog, QDropEvent(QPointF(middle), copy, mime, buttons, keys))


def test_a_dropped_transformer_becomes_the_own_one(
    dialog: ManageModelsDialog, session: Session, qtbot: QtBot
) -> None:
    dialog.show()
    assert not dialog.findChild(QLabel, "local.transformer.path").isVisible()
    with qtbot.waitSignal(dialog.setting_changed):
        drop(dialog, STARTER_GGUF)

    assert session.settings.get("local.transformer") == str(STARTER_GGUF)
    assert dialog.findChild(QLabel, "local.transformer.path").isVisible()
    assert status(dialog, "local.transformer").startswith("Good: ")
    assert said(dialog) == ""


def test_a_dropped_folder_becomes_the_own_checkpoint(dialog: ManageModelsDialog, session: Session) -> None:
    drop(dialog, STARTER)

    assert session.settings.get("local.checkpoint") == str(STARTER)


def test_dropped_files_of_a_text_encoder_are_told_apart(
    dialog: ManageModelsDialog, session: Session, tmp_path: Path
) -> None:
    language = other_gguf(tmp_path / "qwen.gguf", "qwen2vl")
    drop(dialog, language)
    assert "choose or drop that one, too" in status(dialog, "local.text_encoder_gguf")
    vision = other_gguf(tmp_path / "mmproj.gguf", "clip", clip__projector_type="qwen2.5vl_merger")
    drop(dialog, vision)

    assert session.settings.get("local.text_encoder_gguf") == str(language)
    assert session.settings.get("local.text_encoder_mmproj") == str(vision)
    assert status(dialog, "local.text_encoder_mmproj").startswith("Good: ")


def test_a_dropped_file_of_another_architecture_is_refused_with_what_it_is(
    dialog: ManageModelsDialog, session: Session, tmp_path: Path
) -> None:
    drop(dialog, other_gguf(tmp_path / "chat.gguf"))

    assert said(dialog).startswith("This is a llama model: chat.gguf cannot be used here.")
    assert not session.settings.is_set("local.transformer")


def test_a_vision_tower_of_another_model_is_refused(
    dialog: ManageModelsDialog, session: Session, tmp_path: Path
) -> None:
    drop(dialog, other_gguf(tmp_path / "mmproj.gguf", "clip", clip__projector_type="mlp"))

    assert "its projector is mlp" in status(dialog, "local.text_encoder_mmproj")
    assert not session.settings.is_set("local.text_encoder_mmproj")


def test_a_dropped_file_that_is_no_gguf_is_refused(dialog: ManageModelsDialog, photo: Path) -> None:
    drop(dialog, photo)

    assert said(dialog).startswith("photo.png is no .gguf file.")


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(STARTER_GGUF.read_bytes()[:500])

    with pytest.raises(Exception, match=r"cut\.gguf cannot be read"):
        setting_for(cut)


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


def test_a_refusal_leaves_what_was_set(
    session: Session, watch: DownloadWatch, kept: Keep, tmp_path: Path
) -> None:
    session.settings.set("local.transformer", str(STARTER_GGUF))
    session.settings.save()
    dialog = kept(ManageModelsDialog(session, watch))

    row(dialog, "local.transformer").take(other_gguf(tmp_path / "chat.gguf"))

    assert Settings.load(session.folder.config).get("local.transformer") == str(STARTER_GGUF)
    assert "Own transformer: starter.gguf" in texts(dialog)


def test_a_file_that_does_not_belong_to_the_folder_is_told_but_taken(
    session: Session, watch: DownloadWatch, kept: Keep, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(STARTER, folder)
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (folder / "transformer" / "config.json").write_text(json.dumps(config | {"num_layers": 60}))
    session.settings.set("local.checkpoint", str(folder))
    dialog = kept(ManageModelsDialog(session, watch))

    row(dialog, "local.transformer").take(STARTER_GGUF)

    assert "the folder's config says 60" in status(dialog, "local.transformer")
    assert session.settings.get("local.transformer") == str(STARTER_GGUF)


def test_own_weights_can_be_reset(session: Session, watch: DownloadWatch, kept: Keep, qtbot: QtBot) -> None:
    session.settings.set("local.transformer", str(STARTER_GGUF))
    session.settings.save()
    dialog = kept(ManageModelsDialog(session, watch))
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
