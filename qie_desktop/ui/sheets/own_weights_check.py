"""Whether files that somebody picked are weights of the local model; if not, what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qie_desktop.core.errors import CheckpointIncomplete, CheckpointMismatch
from qie_desktop.engines.local.checkpoint import Checkpoint, read_json
from qie_desktop.engines.local.gguf_file import read_gguf

if TYPE_CHECKING:
    from pathlib import Path

_TRANSFORMER = "QwenImageTransformer2DModel"
_LAYOUT = "Choose a folder laid out as Qwen/Qwen-Image-Edit-2509."


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
    types = [tensor.type_name for tensor in found.tensors.values()]
    most = max(set(types), key=types.count) if types else "empty"
    return f"{found.block_count} blocks, mostly {most}"
