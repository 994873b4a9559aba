"""Whether files that somebody picked are weights of the local model; if not, what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.errors import CheckpointIncomplete, CheckpointMismatch
from qie_desktop.engines.local.checkpoint import Checkpoint, read_json
from qie_desktop.engines.local.gguf_file import ARCHITECTURE, read_gguf
from qie_desktop.engines.local.gguf_header import read_header
from qie_desktop.engines.local.text_encoder_files import read_language, read_vision
from qie_desktop.engines.local.text_encoder_names import LANGUAGE_ARCHITECTURE, VISION_ARCHITECTURE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qie_desktop.engines.local.gguf_header import GgufTensor

_TRANSFORMER = "QwenImageTransformer2DModel"
_LAYOUT = "Choose a folder laid out as Qwen/Qwen-Image-Edit-2509."
_FOLDER_SETTING = "local.checkpoint"
_SETTINGS = {
    ARCHITECTURE: "local.transformer",
    LANGUAGE_ARCHITECTURE: "local.text_encoder_gguf",
    VISION_ARCHITECTURE: "local.text_encoder_mmproj",
}
"""What a .gguf file is used for, by the architecture that it names."""
_WANTED = "Drop a .gguf file of Qwen-Image-Edit, or one of Qwen2.5-VL-7B as its text encoder."


def setting_for(path: Path) -> str:
    """Return the key of the setting that a dropped file or folder is for.

    Raises CheckpointError, saying what a file is that is of no use here.
    """
    if path.is_dir():
        return _FOLDER_SETTING
    if path.suffix.lower() != ".gguf":
        raise CheckpointMismatch(f"{path.name} is no .gguf file.", _WANTED)
    architecture = read_header(path).architecture
    if architecture not in _SETTINGS:
        raise CheckpointMismatch(f"This is a {architecture} model: {path.name} cannot be used here.", _WANTED)
    return _SETTINGS[architecture]


def check_checkpoint(folder: Path) -> str:
    """Return in words what a folder holds. Raises CheckpointError, saying what is missing or what it is."""
    if not folder.is_dir():
        raise CheckpointIncomplete(f"There is no folder {folder}.", _LAYOUT)
    config = folder / "transformer" / "config.json"
    index = folder / "model_index.json"
    pipeline = read_json(index).get("_class_name") if index.is_file() else None
    if not config.is_file():
        what = (
            f"It is a {pipeline}, not a Qwen-Image-Edit."
            if pipeline
            else "It is no checkpoint of this model."
        )
        raise CheckpointMismatch(f"{folder.name} has no transformer/config.json. {what}", _LAYOUT)
    found = read_json(config).get("_class_name")
    if found != _TRANSFORMER:
        raise CheckpointMismatch(
            f"{folder.name} holds a model of the architecture {found}, not {_TRANSFORMER}.", _LAYOUT
        )
    # The transformer comes from a .gguf file, so a folder is complete without one: its config stands for it.
    missing = Checkpoint(folder, config).missing_files()
    if missing:
        raise CheckpointIncomplete(
            f"{folder.name} is incomplete. Missing: {', '.join(missing)}.",
            "Add what is missing, or choose another folder.",
        )
    return str(pipeline or "Qwen-Image-Edit")


def check_transformer(path: Path) -> str:
    """Return in words what a .gguf file holds. Raises CheckpointError, saying what is wrong with it."""
    found = read_gguf(path)
    return f"{found.block_count} blocks, mostly {_most(found.tensors.values())}"


def check_language(path: Path) -> str:
    """Return in words what the language model's .gguf file holds. Raises as `check_transformer`."""
    return f"a language model, mostly {_most(read_language(path).tensors.values())}"


def check_vision(path: Path) -> str:
    """Return in words what an mmproj file holds. Raises as `check_transformer`."""
    return f"a vision tower, mostly {_most(read_vision(path).tensors.values())}"


def _most(tensors: Iterable[GgufTensor]) -> str:
    types = [tensor.type_name for tensor in tensors]
    return max(set(types), key=types.count) if types else "empty"
